// The service t.T of harness/grpc_peers.py by grpc-js; messages are octets. server.js PORT
// Says "ready", and "begun" and "cancelled" for each call of Forever and Half.
const grpc = require('@grpc/grpc-js');

const same = (octets) => octets;
const say = (line) => process.stdout.write(line + '\n');

function method(name, requestStream, responseStream) {
  return {
    path: `/t.T/${name}`, requestStream, responseStream, requestSerialize: same,
    requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
  };
}

const service = {
  Unary: method('Unary', false, false),
  Refuse: method('Refuse', false, false),
  Big: method('Big', false, false),
  Forever: method('Forever', false, false),
  Half: method('Half', false, true),
  Many: method('Many', false, true),
  Collect: method('Collect', true, false),
  Echo: method('Echo', true, true),
};

function echoed(metadata) {
  const back = new grpc.Metadata();
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    if (name.startsWith('x-t-')) values.forEach((value) => back.add(name, value));
  }
  return back;
}

function trailers() {
  const metadata = new grpc.Metadata();
  metadata.add('x-trailer', 't');
  metadata.add('x-trailer', 'u');
  metadata.add('x-trailer-bin', Buffer.from([0, 255, 10]));
  return metadata;
}

function watch(call) {
  say('begun');
  call.on('cancelled', () => say('cancelled'));
}

const handlers = {
  Unary(call, done) {
    call.sendMetadata(echoed(call.metadata));
    done(null, Buffer.concat([call.request, Buffer.from('|')]), trailers());
  },
  Refuse(call, done) {
    done({code: grpc.status.FAILED_PRECONDITION, details: 'no: é', metadata: trailers()});
  },
  Big(call, done) {
    done(null, Buffer.alloc(Number(call.request.toString()), 'x'));
  },
  Forever(call) {
    watch(call);
  },
  Half(call) {
    watch(call);
    call.write(Buffer.from('half'));
  },
  Many(call) {
    const count = Number(call.request.toString());
    for (let number = 0; number < count; number++) call.write(Buffer.from(String(number)));
    if (count !== 3) return call.end();
    call.emit('error', {code: grpc.status.DATA_LOSS, details: 'half way'});
  },
  Collect(call, done) {
    const parts = [];
    call.on('data', (message) => parts.push(message.toString()));
    call.on('end', () => done(null, Buffer.from(parts.join(','))));
  },
  Echo(call) {
    call.on('data', (message) => call.write(message));
    call.on('end', () => call.end());
  },
};

const server = new grpc.Server({
  'grpc.default_compression_algorithm': 2,
  'grpc.max_receive_message_length': -1,
});
server.addService(service, handlers);
server.bindAsync(`127.0.0.1:${process.argv[2]}`, grpc.ServerCredentials.createInsecure(),
                 (error) => {
                   if (error) throw error;
                   say('ready');
                 });

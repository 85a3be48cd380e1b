// Calls by grpc-js what each line of its input asks for, and says how that ended; messages are
// octets, base64 in the lines. See NodeClient in harness/grpc_peers.py. client.js PORT OPTIONS
const grpc = require('@grpc/grpc-js');
const readline = require('readline');

const same = (octets) => octets;
const client = new grpc.Client(`127.0.0.1:${process.argv[2]}`, grpc.credentials.createInsecure(),
                               JSON.parse(process.argv[3]));

function metadataOf(pairs) {
  const metadata = new grpc.Metadata();
  for (const [name, value] of pairs) {
    metadata.add(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return metadata;
}

function pairsOf(metadata) {
  const pairs = [];
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    for (const value of values) {
      pairs.push([name, name.endsWith('-bin') ? value.toString('base64') : value]);
    }
  }
  return pairs;
}

function begin(asked, messages, onAnswer) {
  const options = asked.deadline_ms ? {deadline: Date.now() + asked.deadline_ms} : {};
  const terms = [asked.path, same, same];
  const metadata = metadataOf(asked.metadata);
  switch (asked.kind) {
    case 'unary':
      return client.makeUnaryRequest(...terms, messages[0], metadata, options, onAnswer);
    case 'server':
      return client.makeServerStreamRequest(...terms, messages[0], metadata, options);
    case 'client':
      return client.makeClientStreamRequest(...terms, metadata, options, onAnswer);
    default:
      return client.makeBidiStreamRequest(...terms, metadata, options);
  }
}

function perform(asked) {
  const messages = asked.messages.map((text) => Buffer.from(text, 'base64'));
  const got = {id: asked.id, messages: [], head: []};
  const sends = asked.kind === 'client' || asked.kind === 'both';
  let sent = 0;
  let call = null;
  const sendNext = () => {
    if (sent < messages.length) call.write(messages[sent++]);
    else call.end();
  };
  const take = (message) => {
    got.messages.push(message.toString('base64'));
    if (got.messages.length === asked.cancel_after) call.cancel();
    else if (asked.in_turn) sendNext();
  };
  call = begin(asked, messages, (error, message) => {
    if (!error) take(message);
  });
  call.on('metadata', (metadata) => { got.head = pairsOf(metadata); });
  call.on('status', (status) => {
    got.code = grpc.status[status.code];
    got.details = status.details;
    got.trailers = pairsOf(status.metadata);
    setImmediate(() => process.stdout.write(JSON.stringify(got) + '\n'));
  });
  if (asked.kind === 'server' || asked.kind === 'both') {
    call.on('data', take);
    call.on('error', () => {});
  }
  if (asked.cancel_ms) setTimeout(() => call.cancel(), asked.cancel_ms);
  if (!sends) return;
  if (asked.in_turn) return sendNext();
  messages.forEach((message) => call.write(message));
  call.end();
}

readline.createInterface({input: process.stdin}).on('line', (line) => perform(JSON.parse(line)));

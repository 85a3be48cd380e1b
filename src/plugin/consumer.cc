#include "plugin/consumer.h"

#include "config/credential_index.h"
#include "http/exchange.h"
#include "observe/log.h"

namespace pylon::plugin {

using http::FieldId;

void strip_identity(http::Exchange& exchange) {
  http::Fields& fields = exchange.request.fields;
  for (FieldId id : {FieldId::x_consumer_username, FieldId::x_credential_identifier,
                     FieldId::x_consumer_custom_id}) {
    if (fields.has(id)) fields.remove(id);
  }
}

namespace {

void attach(http::Exchange& exchange, const config::KnownConsumer& consumer,
            std::string_view credential_id) {
  exchange.consumer = {.name = consumer.name,
                       .group_id = consumer.group_id,
                       .credential_id = credential_id,
                       .custom_id = consumer.custom_id,
                       .plugins = consumer.plugins};
  strip_identity(exchange);
  http::Fields& fields = exchange.request.fields;
  fields.add(FieldId::x_consumer_username, consumer.name);
  if (!credential_id.empty()) fields.add(FieldId::x_credential_identifier, credential_id);
  if (!consumer.custom_id.empty()) fields.add(FieldId::x_consumer_custom_id, consumer.custom_id);
}

}  // namespace

void attach_consumer(http::Exchange& exchange, const config::Credential& credential) {
  attach(exchange, *credential.consumer, credential.id);
}

bool attach_anonymous(http::Exchange& exchange, std::string_view plugin, std::string_view name) {
  const config::KnownConsumer* consumer =
      exchange.credentials != nullptr ? exchange.credentials->find_consumer(name) : nullptr;
  if (consumer == nullptr) {
    observe::log(observe::Level::error,
                 "{} failed to authenticate the request, code: 401. error: failed to get anonymous "
                 "consumer {}",
                 plugin, name);
    return false;
  }
  attach(exchange, *consumer, {});
  return true;
}

}  // namespace pylon::plugin

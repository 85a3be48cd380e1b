#include "plugin/consumer.h"

#include "config/credential_index.h"
#include "http/exchange.h"

namespace pylon::plugin {

using http::FieldId;

void strip_identity(http::Exchange& exchange) {
  http::Fields& fields = exchange.request.fields;
  for (FieldId id : {FieldId::x_consumer_username, FieldId::x_credential_identifier,
                     FieldId::x_consumer_custom_id}) {
    if (fields.has(id)) fields.remove(id);
  }
}

void attach_consumer(http::Exchange& exchange, const config::Credential& credential) {
  exchange.consumer = {.consumer = credential.consumer,
                       .name = credential.consumer_name,
                       .group_id = credential.group_id,
                       .credential_id = credential.credential_id,
                       .custom_id = credential.custom_id,
                       .plugins = credential.plugins};
  strip_identity(exchange);
  http::Fields& fields = exchange.request.fields;
  fields.add(FieldId::x_consumer_username, credential.consumer_name);
  if (!credential.credential_id.empty()) {
    fields.add(FieldId::x_credential_identifier, credential.credential_id);
  }
  if (!credential.custom_id.empty()) {
    fields.add(FieldId::x_consumer_custom_id, credential.custom_id);
  }
}

}  // namespace pylon::plugin

#include "config/credential_index.h"

namespace pylon::config {

bool CredentialIndex::Editor::erase(std::string_view plugin, std::string_view key,
                                    std::string_view consumer_name,
                                    std::string_view credential_id) {
  const Ref<const Credential>* held = by_key_.find({plugin, key});
  if (held == nullptr || (*held)->consumer->name != consumer_name || (*held)->id != credential_id) {
    return false;
  }
  return by_key_.erase({plugin, key});
}

CredentialIndex CredentialIndex::Editor::commit() && {
  CredentialIndex index;
  index.by_key_ = std::move(by_key_).commit();
  index.by_name_ = std::move(by_name_).commit();
  return index;
}

}  // namespace pylon::config

#include "gateway/secret_question.h"

#include <fmt/format.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/strings.h"
#include "gateway/stored_values.h"
#include "http/uri.h"
#include "plugin/uri.h"
#include "schema/json_schema.h"

namespace pylon::gateway {

Result<SecretPath> parse_secret_reference(std::string_view reference) {
  if (!reference.starts_with(kSecretScheme)) return fail("it is no $secret:// reference");
  std::string_view rest = reference.substr(kSecretScheme.size());
  size_t type_end = rest.find('/');
  if (type_end == rest.npos) return fail("it names no secret manager");
  size_t id_end = rest.find('/', type_end + 1);
  if (id_end == rest.npos) return fail("it names no object of the secret manager");
  std::string_view type = rest.substr(0, type_end);
  std::string manager(rest.substr(0, id_end));
  rest.remove_prefix(id_end + 1);
  if (type != "vault" && (rest.empty() || rest.starts_with('/'))) {
    return fail("it names no secret");
  }
  if (type == "aws") return SecretPath{std::move(manager), std::string(rest), {}};
  size_t slash = type == "gcp" ? rest.find('/') : rest.rfind('/');
  if (type == "gcp" && slash == rest.npos) {
    return SecretPath{std::move(manager), std::string(rest), {}};
  }
  if (slash == rest.npos || slash == 0) {
    return fail("it names no secret and member: manager/id/path/member");
  }
  if (slash + 1 == rest.size()) return fail("it names no member of the secret");
  return SecretPath{std::move(manager), std::string(rest.substr(0, slash)),
                    std::string(rest.substr(slash + 1))};
}

Result<SecretAddress> parse_secret_address(std::string_view name, std::string_view text) {
  Arena arena;
  http::Uri uri;
  http::UriError error = http::parse_target(text, http::Method::get, {}, arena, uri);
  if (error != http::UriError::none || uri.form != http::TargetForm::absolute) {
    return fail(fmt::format("its {} is no http or https address", name));
  }
  std::string_view host = uri.authority.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::string_view path = uri.path;
  if (path.ends_with('/')) path.remove_suffix(1);
  SecretAddress address;
  address.question.https = istarts_with(text, "https:");
  address.question.host = host;
  address.question.port = uri.authority.port;
  if (!uri.raw.empty()) address.question.target = uri.raw;
  address.path = path;
  return address;
}

Result<std::string> joined_target(std::initializer_list<std::string_view> parts) {
  std::string path;
  for (std::string_view part : parts) {
    while (!part.empty()) {
      size_t slash = part.find('/');
      std::string_view segment = part.substr(0, slash);
      part.remove_prefix(slash == part.npos ? part.size() : slash + 1);
      if (segment == ".." || segment == ".") return fail("the path has a segment of dots");
      if (!segment.empty()) path.append("/").append(segment);
    }
  }
  Arena arena;
  return std::string(plugin::encode_path(path, arena));
}

Result<Secret> credential_of(std::string_view name, std::string_view text,
                             const Environment& environment) {
  if (!schema::is_secret_reference(text)) return Secret(text);
  if (text.starts_with(kSecretScheme)) {
    return fail(fmt::format("its {}: it cannot be a secret of a manager itself", name));
  }
  Result<std::string> found = find_in_environment(text, environment);
  if (!found) return fail(fmt::format("its {}: {}", name, found.error().message));
  return Secret(*found);
}

namespace {

Secret text_of(const Json& value) {
  return value.is_string() ? Secret(value.as_string()) : Secret(value.dump());
}

}  // namespace

SecretMembers members_of(const Json& object) {
  SecretMembers members;
  for (const auto& [name, value] : object.members()) {
    if (!value.is_null()) members.emplace_back(name, text_of(value));
  }
  return members;
}

Result<Secret> member_of(const Secret& value, std::string_view member) {
  Result<Json> document = Json::parse(value.expose());
  if (!document || !document->is_object()) return fail("the secret holds no JSON object");
  const Json* found = document->find(member);
  if (found == nullptr || found->is_null()) {
    return fail(fmt::format("the secret has no member {}", member));
  }
  return text_of(*found);
}

}  // namespace pylon::gateway

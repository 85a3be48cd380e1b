#include "gateway/vault.h"

#include <fmt/format.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/strings.h"
#include "gateway/stored_values.h"
#include "http/uri.h"
#include "plugin/uri.h"
#include "schema/json_schema.h"

namespace pylon::gateway {
namespace {

constexpr std::string_view kScheme = "$secret://";

// Slashes in a row are one; a segment ".." would leave the prefix.
Result<std::string> joined_path(std::initializer_list<std::string_view> parts) {
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
  return path;
}

}  // namespace

Result<SecretPath> parse_secret_reference(std::string_view reference) {
  if (!reference.starts_with(kScheme)) return fail("it is no $secret:// reference");
  std::string_view rest = reference.substr(kScheme.size());
  size_t manager_end = rest.find('/');
  if (manager_end == rest.npos) return fail("it names no secret manager");
  size_t id_end = rest.find('/', manager_end + 1);
  if (id_end == rest.npos) return fail("it names no object of the secret manager");
  if (rest.starts_with("aws/")) {
    if (rest.size() == id_end + 1 || rest[id_end + 1] == '/') return fail("it names no secret");
    return SecretPath{
        std::string(rest.substr(0, id_end)), std::string(rest.substr(id_end + 1)), {}};
  }
  size_t member = rest.rfind('/');
  std::string_view path = member > id_end ? rest.substr(id_end + 1, member - id_end - 1) : "";
  if (path.empty()) return fail("it names no secret and member: manager/id/path/member");
  if (member + 1 == rest.size()) return fail("it names no member of the secret");
  return SecretPath{std::string(rest.substr(0, id_end)), std::string(path),
                    std::string(rest.substr(member + 1))};
}

Result<VaultQuestion> vault_question(const config::VaultSecret& manager, std::string_view path,
                                     const Environment& environment) {
  Arena arena;
  http::Uri uri;
  http::UriError error = http::parse_target(manager.uri, http::Method::get, {}, arena, uri);
  if (error != http::UriError::none || uri.form != http::TargetForm::absolute) {
    return fail("its uri is no http or https address");
  }
  Result<std::string> target = joined_path({uri.path, "v1", manager.prefix, path});
  if (!target) return tl::unexpected(target.error());
  std::string_view host = uri.authority.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  VaultQuestion question{istarts_with(manager.uri, "https:"),
                         std::string(host),
                         uri.authority.port,
                         std::string(plugin::encode_path(*target, arena)),
                         manager.token,
                         manager.namespace_name};
  if (schema::is_secret_reference(manager.token.expose())) {
    auto token = find_in_environment(manager.token.expose(), environment);
    if (!token) return fail("its token: " + token.error().message);
    question.token = Secret(*token);
  }
  return question;
}

Result<SecretMembers> read_vault_answer(int status, std::string_view body) {
  if (status == 404) return fail("the secret manager has no such secret");
  if (status != 200) return fail(fmt::format("the secret manager answers {}", status));
  Result<Json> document = Json::parse(body);
  const Json* data = document ? document->find("data") : nullptr;
  // Version 2 wraps what version 1 answers, with what is known about it.
  const Json* inner = data != nullptr ? data->find("data") : nullptr;
  if (inner != nullptr && inner->is_object() && data->contains("metadata")) data = inner;
  if (data == nullptr || !data->is_object()) return fail("the secret manager's answer has no data");
  SecretMembers members;
  for (const auto& [name, value] : data->members()) {
    if (value.is_null()) continue;
    members.emplace_back(name,
                         value.is_string() ? Secret(value.as_string()) : Secret(value.dump()));
  }
  return members;
}

}  // namespace pylon::gateway

#include "gateway/config_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "gateway/admin_key_text.h"

namespace pylon::gateway {
namespace {

constexpr size_t kMaxConfigBytes = 4 << 20;

// A new file with the mode and owner of the old one takes its name.
bool replace_by_rename(const std::string& path, std::string_view text) {
  struct stat old {};
  if (stat(path.c_str(), &old) != 0) return false;
  std::string temporary = path + ".new";
  Fd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return false;
  bool owned = fchown(file.get(), old.st_uid, old.st_gid) == 0 || geteuid() != 0;
  bool written = owned && fchmod(file.get(), old.st_mode & 0777) == 0 && file.write_all(text) &&
                 fsync(file.get()) == 0 && rename(temporary.c_str(), path.c_str()) == 0;
  if (!written) unlink(temporary.c_str());
  return written;
}

// A file mounted alone (in a container) cannot be renamed over.
bool overwrite(const std::string& path, std::string_view text) {
  Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.is_open() && file.write_all(text) &&
         ftruncate(file.get(), static_cast<off_t>(text.size())) == 0 && fsync(file.get()) == 0;
}

std::string real_path(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  std::string out = resolved != nullptr ? resolved : path;
  free(resolved);
  return out;
}

bool wants_key(const AdminKey& key) { return key.role == AdminRole::admin && key.key.empty(); }

// Puts keys into `loaded.text`; an error is a finding.
void fill_admin_keys(const ConfigFile& file, const Environment& environment,
                     const LoadOptions& options, LoadedConfig& loaded) {
  const AdminSettings& admin = loaded.parsed.settings.admin;
  if (!admin.enabled || !admin.key_required) return;
  const std::vector<AdminKey> keys = admin.keys;
  std::string text = loaded.text;
  Secret key = options.known_key;
  bool any = false;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!wants_key(keys[i])) continue;
    if (any || key.empty()) key = Secret(generate_admin_key());
    any = true;
    auto edited = with_admin_key(text, i, key.expose());
    if (!edited) {
      loaded.parsed.findings.push_back({.error = true,
                                        .line = 0,
                                        .key = fmt::format("deployment.admin.admin_key[{}].key", i),
                                        .message = std::move(edited.error().message)});
      return;
    }
    text = std::move(*edited);
  }
  if (!any) return;
  loaded.new_key = key;
  loaded.new_key_saved = replace_file(file.path, text).has_value();
  loaded.text = std::move(text);
  std::vector<Finding> findings = std::move(loaded.parsed.findings);
  loaded.parsed = parse_config(loaded.text, file, environment);
  loaded.parsed.findings = std::move(findings);
}

}  // namespace

ConfigFile ConfigFile::locate(const std::string& prefix, const std::string& given,
                              const Environment& environment) {
  if (!given.empty()) return {.path = real_path(given), .prefix = prefix};
  std::string profile = environment("APISIX_PROFILE").value_or("");
  std::string name = profile.empty() ? "config" : "config-" + profile;
  return {.path = fmt::format("{}/conf/{}.yaml", prefix, name), .prefix = prefix};
}

Result<std::string> read_file(const std::string& path, size_t max_bytes) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return fail(strerror(errno));
  std::string text;
  while (true) {
    char buffer[16 << 10];
    ssize_t count = read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(strerror(errno));
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > max_bytes) return fail(fmt::format("longer than {} bytes", max_bytes));
  }
}

Result<void> replace_file(const std::string& path, std::string_view text) {
  std::string real = real_path(path);
  if (replace_by_rename(real, text) || overwrite(real, text)) return {};
  return fail(strerror(errno));
}

ParsedSettings parse_config(std::string_view text, const ConfigFile& file,
                            const Environment& environment) {
  ParsedSettings parsed = parse_settings(text, environment);
  parsed.settings.prefix = file.prefix;
  parsed.settings.config_path = file.path;
  return parsed;
}

LoadedConfig load_config(const ConfigFile& file, const Environment& environment,
                         const LoadOptions& options) {
  LoadedConfig loaded;
  auto text = read_file(file.path, kMaxConfigBytes);
  if (!text) {
    std::string message = fmt::format("cannot be read: {}", text.error().message);
    loaded.parsed.findings.push_back({.error = true, .line = 0, .key = "", .message = message});
    return loaded;
  }
  loaded.text = std::move(*text);
  loaded.parsed = parse_config(loaded.text, file, environment);
  if (loaded.ok() && options.fill_keys) fill_admin_keys(file, environment, options, loaded);
  return loaded;
}

}  // namespace pylon::gateway

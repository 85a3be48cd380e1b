#include "store/file/file_store.h"

#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/hash.h"
#include "base/yaml.h"
#include "observe/log.h"

namespace pylon::store {
namespace {

constexpr int64_t kMaxFileBytes = 1LL << 30;
constexpr size_t kEndMarkReach = 10;  // the mark lies within the last bytes, as in APISIX
constexpr int64_t kYoungNs = 2'000'000'000;

bool has_end_mark(std::string_view text) {
  std::string_view end = text.substr(text.size() - std::min(text.size(), kEndMarkReach));
  return end.substr(0, end.find_last_not_of(" \t\r\n") + 1).ends_with("#END");
}

std::string not_set(std::string_view name) {
  return fmt::format("failed to handle configuration: can't find environment variable {}", name);
}

Result<Json> parse_yaml_document(std::string_view text, const Environment& environment) {
  if (!has_end_mark(text)) return fail("missing valid end flag: the file must end with #END");
  Substituted done = substitute(text, environment);
  if (!done.missing.empty()) return fail(not_set(done.missing));
  YamlLimits limits;
  limits.max_bytes = static_cast<size_t>(kMaxFileBytes);
  limits.keep_lines = false;
  auto document = parse_yaml(done.text, limits);
  if (!document) return tl::unexpected(document.error());
  fill_empty_plugins(document->value);
  return std::move(document->value);
}

Result<Json> parse_json_document(std::string_view text, const Environment& environment) {
  Json::Limits limits;
  limits.max_bytes = static_cast<size_t>(kMaxFileBytes);
  Result<Json> document = Json::parse(text, limits);
  if (!document) return fail("failed to decode json: " + document.error().message);
  if (auto missing = substitute_in(*document, environment)) return fail(not_set(*missing));
  return document;
}

}  // namespace

Result<Json> parse_document(std::string_view text, FileFormat format,
                            const Environment& environment) {
  bool is_yaml = format == FileFormat::yaml;
  Result<Json> document =
      is_yaml ? parse_yaml_document(text, environment) : parse_json_document(text, environment);
  if (!document) return document;
  if (document->is_null()) return Json::object();  // an empty file says: nothing
  if (!document->is_object()) return fail("it should be a mapping of resource types to lists");
  return document;
}

FileStore::FileStore(FileOptions options, const Clock& clock)
    : HeldStore(std::move(options.rules), clock), options_(std::move(options)), clock_(clock) {
  look();
}

void FileStore::on_timer() {
  look();
  HeldStore::on_timer();
}

std::optional<std::string> FileStore::missing() const {
  if (loaded_) return std::nullopt;
  return fmt::format("{} has not been read yet", options_.path);
}

Result<FileStore::Stamp> FileStore::stamp() const {
  struct stat about {};
  if (stat(options_.path.c_str(), &about) != 0) {
    return fail(fmt::format("failed to fetch attributes: {}", strerror(errno)));
  }
  if (about.st_size > kMaxFileBytes) return fail("it is too large");
  return Stamp{about.st_mtim.tv_sec * 1'000'000'000LL + about.st_mtim.tv_nsec, about.st_size,
               about.st_ino};
}

void FileStore::look() {
  Result<Stamp> now = stamp();
  if (!now) {
    bool told = seen_ == Stamp() && !may_change_;
    seen_ = Stamp();
    may_change_ = false;
    if (!told) keep({options_.path, now.error().message});
    return;
  }
  if (*now == seen_ && !may_change_) return;
  seen_ = *now;
  may_change_ = clock_.wall_us() * 1000 - now->modified_ns < kYoungNs;
  read();
}

void FileStore::read() {
  std::ifstream file(options_.path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) return keep({options_.path, "it cannot be read"});
  std::string text = std::move(content).str();
  uint64_t digest = hash_guarded(text) | 1;
  if (digest == digest_) return;
  digest_ = digest;
  Result<Json> document = parse_document(text, options_.format, options_.environment);
  if (!document) {
    return keep(
        {options_.path, "failed to parse the content of file: " + document.error().message});
  }
  hold(*document);
  if (loaded_) {
    observe::log(observe::Level::warn, "config file {} reloaded.", options_.path);
  }
  loaded_ = true;
}

}  // namespace pylon::store

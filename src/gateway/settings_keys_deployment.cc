// deployment.*
#include "gateway/settings_keys.h"

#include <span>

namespace pylon::gateway {
namespace {

using S = Settings;
using enum Standing;
using Admin = AdminSettings;
using Etcd = EtcdSettings;

constexpr std::string_view kRoles[] = {"traditional", "control_plane", "data_plane"};
constexpr std::string_view kProviders[] = {"embedded", "etcd", "yaml", "json", "xds"};
constexpr std::string_view kAdminRoles[] = {"admin", "viewer"};

Result<void> read_admin_key(const Json& item, AdminKey& key) {
  const Json* name = item.find("name");
  const Json* text = item.find("key");
  const Json* role = item.find("role");
  std::string exposed;
  size_t role_index = 0;
  if (!item.is_object()) return fail("");
  if (name != nullptr && !read_text(*name, key.name)) return fail("`name` is no text");
  // null counts as empty: a key is then generated.
  if (text != nullptr && !text->is_null() && !read_text(*text, exposed)) {
    return fail("`key` is no text");
  }
  if (role == nullptr || !read_word(*role, kAdminRoles, 2, role_index)) {
    return fail("`role` must be admin or viewer");
  }
  key.key = Secret(exposed);
  key.role = static_cast<AdminRole>(role_index);
  return {};
}

constexpr KeyType admin_keys_type() {
  return {.read = [](const Json& value, Settings& into) -> Result<void> {
            if (!value.is_array()) return fail("");
            std::vector<AdminKey> keys;
            for (const Json& item : value.items()) {
              if (auto read = read_admin_key(item, keys.emplace_back()); !read) return read;
            }
            into.admin.keys = std::move(keys);
            return {};
          },
          .expects = []() -> std::string { return "a list of {name, key, role}"; },
          .show = [](const Settings&) -> std::string {
            return "[{name: admin, key: '', role: admin}]";
          },
          .clear = [](Settings& into) { into.admin.keys.clear(); }};
}

// v3, or anything else for the older shape of answers.
constexpr KeyType api_version_type() {
  return {.read =
              [](const Json& value, Settings& into) {
                std::string version;
                if (!read_text(value, version)) return fits(false);
                into.admin.api_v3 = version == "v3";
                return fits(true);
              },
          .expects = []() -> std::string { return "v3 or v2"; },
          .show = [](const Settings&) -> std::string { return "v3"; },
          .clear = [](Settings& into) { into.admin.api_v3 = false; }};
}

// The store of one role; it counts only when deployment.role is that role.
template <Role For>
constexpr KeyType provider_type() {
  return {.read =
              [](const Json& value, Settings& into) {
                size_t index = 0;
                if (!read_word(value, kProviders, 5, index)) return fits(false);
                into.store.provider_of[static_cast<size_t>(For)] =
                    static_cast<ConfigProvider>(index);
                return fits(true);
              },
          .expects = [] { return list_words(kProviders, 5); },
          .show = [](const Settings&) -> std::string { return "embedded"; }};
}

constexpr KeyType etcd_password_type() {
  return {.read =
              [](const Json& value, Settings& into) {
                std::string exposed;
                if (!read_text(value, exposed)) return fits(false);
                into.store.etcd.password = Secret(exposed);
                return fits(true);
              },
          .expects = []() -> std::string { return "a text"; },
          .show = [](const Settings&) -> std::string { return "''"; },
          .clear = [](Settings& into) { into.store.etcd.password = Secret(); }};
}

constexpr Key kKeys[] = {
    {"deployment.role", choice<kRoles, &S::store, &StoreSettings::role>(),
     "traditional serves both traffic and the Admin API, control_plane only the Admin API, "
     "data_plane only traffic."},
    {"deployment.role_traditional.config_provider", provider_type<Role::traditional>(),
     "Where the configuration comes from. embedded: a file of this node, written through the Admin "
     "API. etcd: an etcd v3 that other nodes, and APISIX, may share. yaml, json: with the Admin "
     "API, pushed as a whole by PUT /apisix/admin/configs; with "
     "apisix.enable_admin false, from conf/apisix.yaml or conf/apisix.json."},
    {"deployment.role_control_plane.config_provider", provider_type<Role::control_plane>(),
     "The same for this role."},
    {"deployment.role_data_plane.config_provider", provider_type<Role::data_plane>(),
     "The same for this role. yaml, json: from conf/apisix.yaml or conf/apisix.json, read again "
     "whenever the file changes."},
    {"deployment.embedded.path", text<&S::store, &StoreSettings::embedded_path>(),
     "The file of the embedded store."},
    {"deployment.embedded.history_revisions",
     integer<1, 1'000'000, &S::store, &StoreSettings::history_revisions>(),
     "How many of the last changes can be told and rolled back."},
    {"deployment.pushed.path", text<&S::store, &StoreSettings::pushed_path>(),
     "Where a pushed configuration is kept over a restart."},

    {"deployment.admin.admin_key", admin_keys_type(),
     "Who may use the Admin API. An empty key of role admin is generated at the start and written "
     "into this file."},
    {"deployment.admin.admin_key[].name", anything(), "A name for people."},
    {"deployment.admin.admin_key[].key", anything(), "The key, sent as X-API-KEY."},
    {"deployment.admin.admin_key[].role", anything(), "admin, or viewer (may only read)."},
    {"deployment.admin.admin_key_required", flag<&S::admin, &Admin::key_required>(),
     "Ask for a key. Only for experiments: false lets anyone in whom allow_admin lets in."},
    {"deployment.admin.allow_admin", optional_addresses<&S::admin, &Admin::allow>(),
     "The addresses that may use the Admin API; null: all."},
    {"deployment.admin.admin_listen.ip", ip<&S::admin, &Admin::listen, &ListenAddress::ip>(),
     "The Admin API's IP address."},
    {"deployment.admin.admin_listen.port", port<&S::admin, &Admin::listen, &ListenAddress::port>(),
     "Its port."},
    {"deployment.admin.https_admin", flag<&S::admin, &Admin::https>(),
     "Serve the Admin API over TLS only, with apisix.ssl's versions and ciphers. It takes a "
     "certificate and its key."},
    {"deployment.admin.admin_api_mtls.admin_ssl_cert", text<&S::admin, &Admin::certificate>(),
     "The certificate, with its chain: the path of a PEM file. Relative paths are relative to "
     "conf/. Read at the start and by `reload`."},
    {"deployment.admin.admin_api_mtls.admin_ssl_cert_key",
     text<&S::admin, &Admin::certificate_key>(), "Its key: the path of a PEM file."},
    {"deployment.admin.admin_api_mtls.admin_ssl_ca_cert",
     text<&S::admin, &Admin::client_authority>(),
     "Whose certificates clients must show: the path of a PEM file. Empty: they need none."},
    {"deployment.admin.enable_admin_cors", flag<&S::admin, &Admin::cors>(),
     "Let pages of any origin use the Admin API."},
    {"deployment.admin.enable_admin_ui", flag<&S::admin, &Admin::ui>(),
     "Serve the dashboard at /ui/."},
    {"deployment.admin.admin_api_version", api_version_type(), "The shape of the answers."},

    {"deployment.etcd.host", texts<&S::store, &StoreSettings::etcd, &Etcd::hosts>(),
     "The endpoints of etcd: http://HOST:PORT or https://HOST:PORT. When one does not answer, the "
     "next one is asked."},
    {"deployment.etcd.prefix", text<&S::store, &StoreSettings::key_prefix>(),
     "What all keys begin with, in every store."},
    {"deployment.etcd.timeout", duration<&S::store, &StoreSettings::etcd, &Etcd::timeout_ms>(),
     "How long a read or a write may take, all endpoints together."},
    {"deployment.etcd.watch_timeout",
     duration<&S::store, &StoreSettings::etcd, &Etcd::watch_timeout_ms>(),
     "A watch that says nothing for so long is opened anew."},
    {"deployment.etcd.startup_retry",
     integer<1, 1'000, &S::store, &StoreSettings::etcd, &Etcd::startup_retry>(),
     "How often etcd is tried again at the start, a second apart, when there is no local copy."},
    {"deployment.etcd.user", text<&S::store, &StoreSettings::etcd, &Etcd::user>(),
     "The user, when etcd asks for one."},
    {"deployment.etcd.password", etcd_password_type(), "Its password."},
    {"deployment.etcd.tls.verify", flag<&S::store, &StoreSettings::etcd, &Etcd::verify>(),
     "Verify the certificates of https endpoints, against apisix.ssl.ssl_trusted_certificate."},
    {"deployment.etcd.tls.sni", text<&S::store, &StoreSettings::etcd, &Etcd::sni>(),
     "The name to send and to verify; empty: the endpoint's host."},
    {"deployment.etcd.tls.cert", text<&S::store, &StoreSettings::etcd, &Etcd::cert>(),
     "The certificate that this node shows: the path of a PEM file."},
    {"deployment.etcd.tls.key", text<&S::store, &StoreSettings::etcd, &Etcd::key>(),
     "Its key: the path of a PEM file."},
    {"deployment.etcd.resync_delay", anything(),
     "Reading anew begins at once, and its repetitions are a second apart.", ignored},
    {"deployment.etcd.health_check_timeout", anything(),
     "An endpoint that failed is asked again when the others fail.", ignored},
    {"deployment.certs", anything(), "APISIX 3.18 does not read it either.", ignored},
};

}  // namespace

std::span<const Key> deployment_keys() { return kKeys; }

}  // namespace pylon::gateway

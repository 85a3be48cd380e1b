#include "gateway/control.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <map>

#include "admin/checks.h"
#include "base/regex.h"
#include "expr/graphql.h"
#include "gateway/config_file.h"
#include "gateway/etcd_side.h"
#include "gateway/gateway.h"
#include "gateway/listening.h"
#include "gateway/room_options.h"
#include "gateway/tls_check.h"
#include "net/loop_clock.h"
#include "observe/log.h"
#include "observe/metric_text.h"
#include "plugins/all.h"
#include "store/embedded/embedded_store.h"
#include "store/file/file_store.h"

namespace pylon::gateway {

using observe::Level;
using observe::log;

namespace {

constexpr int64_t kTickUs = 1'000'000;
constexpr size_t kAdminBodyBytes = 1'572'864;   // 1.5 MiB, as APISIX
constexpr size_t kPushedBodyBytes = 256 << 20;  // a whole configuration
constexpr size_t kSmallBodyBytes = 64 << 10;
constexpr int kLockWaitMs = 5'000;  // for the gateway process before us to let go of the store
constexpr int64_t kDepartureGraceUs = 100'000;  // for requests that are on their way
constexpr int64_t kDepartureLookUs = 20'000;
constexpr int64_t kFreshLimitUs = 1'000'000;      // for those who have not asked yet
constexpr int64_t kDepartureLimitUs = 4'000'000;  // below kLockWaitMs

admin::AdminOptions admin_options(const Settings& settings) {
  admin::AdminOptions options;
  for (const AdminKey& key : settings.admin.keys) {
    bool admin = key.role == AdminRole::admin;
    options.access.keys.push_back(
        {key.name, key.key, admin ? admin::Role::admin : admin::Role::viewer});
  }
  options.access.key_required = settings.admin.key_required;
  if (settings.admin.allow) options.access.allow = settings.admin.allow->set;
  options.cors = settings.admin.cors;
  options.v3 = settings.admin.api_v3;
  options.stream_proxy = settings.proxy.mode != ProxyMode::http;
  options.key_prefix = settings.store.key_prefix;
  options.server_name = server_name(settings);
  return options;
}

// As in APISIX, a configuration from a file is written as it is meant.
bool encrypts_fields(const Settings& settings) {
  StoreKind kind = settings.store.kind;
  return settings.encryption.enabled && (kind == StoreKind::embedded || kind == StoreKind::etcd);
}

// What makes an item of a file or a pushed configuration be left out, as APISIX judges it:
// references between items are not asked about.
store::ItemCheck item_check(const plugin::Catalogue& catalogue) {
  return [&catalogue](const store::DocumentItem& item) -> Result<void> {
    admin::Checks help(catalogue, nullptr);
    Json copy = item.value;
    return config::resource_type(item.kind).check(copy, {item.id, item.parent, help});
  };
}

// The types whose indexes APISIX tells, those without an object too.
void tell_etcd(const NodeView& view, plugins::GatewayFigures& figures) {
  using config::Kind;
  std::map<Kind, int64_t> newest;
  int64_t last = 0;
  for (Kind kind : {Kind::consumer, Kind::global_rule, Kind::proto, Kind::route, Kind::service,
                    Kind::ssl, Kind::stream_route, Kind::upstream}) {
    newest[kind] = 0;
  }
  for (const control::TypeState& type : view.types()) {
    if (auto told = newest.find(type.kind); told != newest.end()) told->second = type.revision;
  }
  for (const auto& [kind, revision] : newest) {
    figures.modify_indexes.emplace_back(config::resource_type(kind).name, revision);
    last = std::max(last, revision);
  }
  figures.modify_indexes.emplace_back("max_modify_index", last);
  figures.modify_indexes.emplace_back("prev_index", view.revision());
  figures.modify_indexes.emplace_back("x_etcd_index", view.revision());
  figures.etcd_reachable = !view.out_of_touch();
}

}  // namespace

// Tells when the supervisor has something to say.
class Control::CommandWatcher final : public net::Watcher {
 public:
  explicit CommandWatcher(Control& control) : control_(control) {
    int fd = control_.inherited_.command_fd();
    if (fd >= 0) control_.loop_.watch(fd, *this, EPOLLIN);
  }
  void on_events(uint32_t) override { control_.take_commands(); }

 private:
  Control& control_;
};

class Control::Tick final : public net::Timer {
 public:
  explicit Tick(Control& control) : Timer(control.loop_.timers()), control_(control) {
    arm(control_.loop_.now_us() + kTickUs);
  }

 private:
  void fire() override {
    arm(control_.loop_.now_us() + kTickUs);
    control_.every_second();
  }
  Control& control_;
};

// Waits until the servers of this thread have answered everybody, for a limited time, and then
// looks now and then whether all answers have left and the workers have ended too.
class Control::Departure final : public net::Timer {
 public:
  explicit Departure(Control& control)
      : Timer(control.loop_.timers()), control_(control), started_us_(control.loop_.now_us()) {
    arm(control_.loop_.now_us() + kDepartureGraceUs);
  }

 private:
  void fire() override {
    arm(control_.loop_.now_us() + kDepartureLookUs);
    control_.close_doors();
    if (over()) control_.let_go();
  }

  bool over() const {
    int64_t waited_us = control_.loop_.now_us() - started_us_;
    if (waited_us >= kDepartureLimitUs) return true;
    return control_.all_endpoints(waited_us < kFreshLimitUs ? &ApiEndpoint::settled
                                                            : &ApiEndpoint::answered);
  }

  Control& control_;
  int64_t started_us_;
};

Control::Control(const Settings& settings, InheritedSockets inherited)
    : settings_(settings),
      inherited_(std::move(inherited)),
      metrics_({.shards = settings.worker_count() + 1}),
      services_(metrics_, clock_, settings.plugin_attr),
      counters_(services_.get<plugins::CounterTable>(plugins::CounterTable::kService)),
      catalogue_(plugins::all_plugins(), services_),
      cipher_(catalogue_, Keyring(settings.encryption.keyring), encrypts_fields(settings)),
      versions_(std::make_unique<snapshot::Versions>(settings.worker_count())),
      dns_(dns_config(settings)),
      proxy_options_(proxy_options(settings)),
      limits_(server_limits(settings)),
      log_format_(log_format(settings.access_log)),
      session_log_format_(log_format(settings.stream.access_log)),
      tls_(tls_server(settings)),
      tls_client_(tls_client(settings)),
      resolver_(dns_, dns_transport_, clock_),
      debug_file_(settings.absolute(settings.debug_path)) {
  expr::set_max_graphql_bytes(settings.graphql_max_bytes);
  if (const Secret& tickets = inherited_.ticket_secret(); !tickets.empty()) {
    tls_share_.sessions.take_tickets(tickets.expose());
  }
}

// ---- without a gateway

Result<StoredReport> Control::check_stored() {
  enable_plugins(settings_.plugins);
  if (Result<void> tls = check_tls(); !tls) return tl::unexpected(tls.error());
  if (Result<void> opened = open_store(); !opened) return tl::unexpected(opened.error());
  Configuration::Parts parts{loop_,      clock_,     *store_,
                             catalogue_, *versions_, dns_,
                             values_,    *http_,     secret_options(settings_)};
  configuration_ =
      std::make_unique<Configuration>(parts, settings_, Configuration::Hooks{[] {}, {}});
  StoredReport report;
  boot_ = judge(report);
  boot_.start([](void* self) { static_cast<Control*>(self)->loop_.stop(); }, this);
  loop_.run();
  versions_.reset();
  configuration_.reset();
  store_.reset();
  if (exit_status_ != 0) return fail(report.faults.front().reason);
  return report;
}

// What the Admin API would refuse today, then what cannot be compiled.
async::Task<void> Control::judge(StoredReport& report) {
  std::map<std::string, std::string> faults;
  admin::Checks help(catalogue_, nullptr);
  auto look = [&](store::Entry entry) {
    auto name = configuration_->name_of(entry.key);
    if (!name) return;
    ++report.objects;
    Result<Json> value = Json::parse(entry.value);
    std::string_view id = name->id;
    std::string parent(id.substr(0, std::min(id.find('/'), id.size())));
    if (value) cipher_.decrypt(name->kind, *value);
    Result<void> checked = value ? config::resource_type(name->kind)
                                       .check(*value, {id.substr(id.rfind('/') + 1), parent, help})
                                 : Result<void>(tl::unexpected(value.error()));
    if (!checked) faults[entry.key] = checked.error().message;
  };
  store::Store::Visitor visitor = look;
  store::Outcome<int64_t> read = co_await store_->load(visitor);
  Result<void> loaded = Result<void>{};
  if (read) loaded = co_await configuration_->load();
  if (!read || !loaded) {
    exit_status_ = 1;
    report.faults.push_back({"", read ? loaded.error().message : read.error().message});
    co_return;
  }
  const snapshot::Builder& builder = configuration_->builder();
  for (const snapshot::Quarantined& item : builder.quarantined()) {
    faults.emplace(builder.key_of(item.kind, item.id), item.reason);
  }
  for (store::Fault& fault : store_->faults()) faults.emplace(fault.key, fault.reason);
  for (auto& [key, reason] : faults) report.faults.push_back({key, std::move(reason)});
}

Control::~Control() {
  for (auto& worker : workers_) worker->stop();
  for (auto& worker : workers_) worker->join();
}

int Control::run() {
  if (Result<void> opened = open(); !opened) {
    log(Level::emerg, "{}", opened.error().message);
    inherited_.report_failure(opened.error().message);
    observe::stop_log();
    return 1;
  }
  commands_ = std::make_unique<CommandWatcher>(*this);
  tick_ = std::make_unique<Tick>(*this);
  boot();
  loop_.run();
  admin_.reset();
  control_.reset();
  status_.reset();
  metrics_server_.reset();
  departure_.reset();
  for (auto& worker : workers_) worker->stop();
  for (auto& worker : workers_) worker->join();
  workers_.clear();
  loop_.turn(0);
  versions_.reset();
  configuration_.reset();
  store_.reset();
  access_log_.reset();
  session_log_.reset();
  observe::stop_log();
  return exit_status_;
}

// ---- start

Result<void> Control::open() {
  if (Result<void> logs = open_logs(); !logs) return logs;
  enable_plugins(settings_.plugins);
  if (Result<void> tls = check_tls(); !tls) return tls;
  return open_store();
}

void Control::enable_plugins(const std::vector<std::string>& names) {
  if (names == plugins_) return;
  plugins_ = names;
  std::vector<std::string> stream;
  if (settings_.proxy.mode != ProxyMode::http) stream = settings_.stream_plugins;
  std::vector<std::string> missing = catalogue_.enable(names, stream);
  std::erase(missing, "ocsp-stapling");  // no plugin here: `ocsp_stapling` of ssl objects
  if (!missing.empty()) {
    log(Level::info, "of the lists `plugins` and `stream_plugins` this version does not have: {}",
        fmt::join(missing, ", "));
  }
  if (configuration_ != nullptr) loop_.post([this] { configuration_->recompile(); });
}

// The list in apisix.yaml stands for that of config.yaml.
void Control::on_plugin_list(const Json* list) {
  if (list == nullptr) return enable_plugins(settings_.plugins);
  std::vector<std::string> names;
  for (const Json& plugin : list->items()) names.emplace_back(plugin.find("name")->as_string());
  enable_plugins(names);
}

// PUT plugins/reload: the list of config.yaml is read again.
void Control::reload_plugins() {
  ConfigFile file{.path = settings_.config_path, .prefix = settings_.prefix};
  LoadedConfig config = load_config(file, process_environment(), {});
  if (config.ok()) return enable_plugins(config.parsed.settings.plugins);
  for (const Finding& finding : config.parsed.findings) {
    if (finding.error) log(Level::error, "{}", finding.text(file.path));
  }
  log(Level::error, "plugins not reloaded: the list before it stays in force");
}

// That the workers will be able to make the same; and what this thread needs of it.
Result<void> Control::check_tls() {
  auto client = gateway::check_tls(tls_, tls_share_, tls_client_);
  if (!client) return tl::unexpected(client.error());
  tls_context_ = std::move(*client);
  auto admin = ApiTls::of_admin(loop_, settings_);
  if (!admin) return tl::unexpected(admin.error());
  admin_tls_ = std::move(*admin);
  http_ = std::make_unique<proxy::WorkerHttpClient>(loop_, resolver_, *tls_context_);
  return {};
}

Result<void> Control::open_logs() {
  observe::LogOptions error_log;
  error_log.path = settings_.absolute(settings_.error_log.path);
  error_log.level = settings_.error_log.level;
  if (Result<void> started = observe::start_log(error_log); !started) return started;
  if (Result<void> opened = open_access_log(settings_.access_log, access_log_); !opened) {
    return opened;
  }
  if (settings_.proxy.mode == ProxyMode::http) return {};
  return open_access_log(settings_.stream.access_log, session_log_);
}

Result<void> Control::open_access_log(const AccessLogSettings& log,
                                      std::unique_ptr<observe::LogWriter>& into) {
  if (!log.enabled) return {};
  observe::LogWriter::Options options;
  options.path = settings_.absolute(log.path);
  options.lanes = settings_.worker_count();
  options.buffer_bytes = std::max<size_t>(log.buffer_bytes, 64 << 10);
  Result<std::unique_ptr<observe::LogWriter>> writer = observe::LogWriter::open(options);
  if (!writer) return fail("access log: " + writer.error().message);
  into = std::move(*writer);
  return {};
}

Result<void> Control::open_store() {
  auto plugins = [this](const Json* list) { on_plugin_list(list); };
  const StoreSettings& settings = settings_.store;
  switch (settings.kind) {
    case StoreKind::file:
      store_ = std::make_unique<store::FileStore>(
          store::FileOptions{settings_.absolute(settings.file_path),
                             settings.provider() == ConfigProvider::json ? store::FileFormat::json
                                                                         : store::FileFormat::yaml,
                             {settings.key_prefix, item_check(catalogue_), plugins},
                             process_environment()},
          clock_);
      return {};
    case StoreKind::pushed:
      return open_pushed_store();
    case StoreKind::etcd: {
      auto opened = open_etcd_store(settings_, loop_, clock_);
      if (!opened) return tl::unexpected(opened.error());
      store_ = std::move(*opened);
      return {};
    }
    default:
      return open_embedded_store();
  }
}

Result<void> Control::open_pushed_store() {
  auto plugins = [this](const Json* list) { on_plugin_list(list); };
  auto opened =
      store::PushedStore::open({settings_.absolute(settings_.store.pushed_path),
                                {settings_.store.key_prefix, item_check(catalogue_), plugins}},
                               clock_);
  if (!opened) return fail(opened.error().message);
  pushed_store_ = opened->get();
  store_ = std::move(*opened);
  return {};
}

Result<void> Control::open_embedded_store() {
  store::EmbeddedOptions options;
  options.path = settings_.absolute(settings_.store.embedded_path);
  options.kept_revisions = settings_.store.history_revisions;
  options.lock_wait_ms = kLockWaitMs;
  auto opened = store::EmbeddedStore::open(
      options, clock_, [this](std::function<void()> task) { loop_.post(std::move(task)); });
  if (!opened) return fail(opened.error().message);
  store_ = std::move(*opened);
  return {};
}

void Control::boot() {
  Configuration::Parts parts{loop_,      clock_,     *store_,
                             catalogue_, *versions_, dns_,
                             values_,    *http_,     secret_options(settings_)};
  Configuration::Hooks hooks{[this] { publish(); }, [this] { reload_plugins(); }};
  configuration_ = std::make_unique<Configuration>(parts, settings_, std::move(hooks));
  boot_ = load();
  boot_.start(&Control::booted, this);
}

async::Task<void> Control::load() {
  Result<void> loaded = co_await configuration_->load();
  if (loaded) co_return;
  log(Level::emerg, "the configuration could not be read: {}", loaded.error().message);
  inherited_.report_failure(loaded.error().message);
  stop(1);
}

void Control::booted(void* self) {
  auto& control = *static_cast<Control*>(self);
  if (control.life_ != Life::starting) return;
  control.debug_ = control.debug_file_.look();
  control.start_workers();
  control.start_servers();
  control.life_ = Life::serving;
  control.versions_->when_served([&control] { control.inherited_.report_ready(); });
}

void Control::start_workers() {
  shared_ = std::make_unique<WorkerShared>(WorkerShared{
      settings_, proxy_options_, limits_, dns_, log_format_, access_log_.get(), session_log_format_,
      session_log_.get(), metrics_, *versions_, tls_, *tls_context_, tls_share_, debug_,
      [this] { loop_.post([this] { on_snapshot_taken(); }); }});
  ListeningSet sockets;
  auto give = [&](SocketKind kind, Way way, const std::vector<ListenAddress>& configured) {
    for (const InheritedSocket* socket : inherited_.of_kind(kind)) {
      sockets.connections.push_back({socket->fd.get(), entry_of(*socket, way, configured)});
    }
  };
  give(SocketKind::proxy, Way::http, settings_.proxy.listen);
  give(SocketKind::tls, Way::https, settings_.ssl.listen);
  give(SocketKind::stream, Way::stream, settings_.stream.tcp);
  give(SocketKind::stream_tls, Way::stream_tls, settings_.stream.tls);
  for (unsigned index = 0; index < settings_.worker_count(); index++) {
    sockets.datagrams = datagram_sockets(inherited_, index);
    workers_.push_back(std::make_unique<Worker>(*shared_, index));
    workers_.back()->start(sockets);
  }
}

void Control::start_servers() {
  admin::ResourceApi::Parts parts{*store_, catalogue_, *configuration_, clock_, &cipher_};
  admin_api_ = std::make_unique<admin::AdminApi>(parts, admin_options(settings_), pushed_store_);
  view_ = std::make_unique<NodeView>(
      NodeView::Parts{loop_, clock_, *store_, catalogue_, cipher_, *configuration_, *versions_,
                      settings_.store.key_prefix, proxy_options_, metrics_.shard(workers_.size())});
  control_api_ = std::make_unique<control::ControlApi>(*view_, catalogue_);
  serve(
      SocketKind::admin, admin_,
      [this](const http::ApiRequest& request) { return admin_api_->handle(request); },
      pushed_store_ != nullptr ? kPushedBodyBytes : kAdminBodyBytes, std::move(admin_tls_));
  serve(
      SocketKind::control, control_,
      [this](const http::ApiRequest& request) { return control_api_->answer(request); },
      kSmallBodyBytes);
  serve(
      SocketKind::status, status_,
      [this](const http::ApiRequest& request) { return answer_status(request); }, kSmallBodyBytes);
  serve(
      SocketKind::metrics, metrics_server_,
      [this](const http::ApiRequest& request) { return answer_metrics(request); }, kSmallBodyBytes);
}

void Control::serve(SocketKind kind, std::unique_ptr<ApiEndpoint>& endpoint,
                    http::ApiHandler handler, size_t body_limit, std::unique_ptr<ApiTls> tls) {
  endpoint = std::make_unique<ApiEndpoint>(loop_, std::move(handler), body_limit, std::move(tls));
  listen(kind, *endpoint);
}

void Control::listen(SocketKind kind, ApiEndpoint& endpoint) {
  for (const InheritedSocket* socket : inherited_.of_kind(kind)) endpoint.listen(socket->fd.get());
}

// ---- small servers

async::Task<http::ApiResponse> Control::answer_status(const http::ApiRequest& request) {
  co_return control::answer_status(request, *view_);
}

async::Task<http::ApiResponse> Control::answer_metrics(const http::ApiRequest& request) {
  if (request.path != settings_.metrics.uri) {
    co_return http::ApiResponse{404, {{"Content-Type", "text/plain"}}, "not found\n"};
  }
  http::ApiResponse response;
  response.fields.emplace_back("Content-Type", "text/plain; charset=utf-8");
  plugins::GatewayFigures figures;
  char hostname[256] = "";
  gethostname(hostname, sizeof hostname - 1);
  figures.hostname = hostname;
  figures.version = PYLON_VERSION;
  for (const auto& worker : workers_) {
    const WorkerCounts& counts = worker->counts();
    figures.requests += counts.requests.load(std::memory_order_relaxed);
    figures.connections.accepted += counts.accepted.load(std::memory_order_relaxed);
    figures.connections.waiting += counts.idle.load(std::memory_order_relaxed);
    figures.connections.writing += counts.busy.load(std::memory_order_relaxed);
  }
  figures.connections.active = figures.connections.waiting + figures.connections.writing;
  figures.lost_series = metrics_.overflow();
  if (settings_.store.provider() == ConfigProvider::etcd) tell_etcd(*view_, figures);
  tell_losses(figures);
  observe::MetricText text;
  metrics_.write(text);
  plugins::write_gateway_figures(text, plugins::metric_prefix(services_.attributes("prometheus")),
                                 figures);
  response.body = std::move(text).take();
  co_return response;
}

void Control::tell_losses(plugins::GatewayFigures& figures) const {
  observe::LogCounts error_log = observe::log_counts();
  figures.logs.push_back({"error", error_log.dropped, std::nullopt, error_log.suppressed});
  auto tell = [&figures](const char* name, const observe::LogWriter* log) {
    if (log == nullptr) return;
    figures.logs.push_back({name, log->dropped_lines(), log->failed_writes(), 0});
  };
  tell("access", access_log_.get());
  tell("session", session_log_.get());
  const SecretStore& secrets = configuration_->secrets();
  figures.secrets = {secrets.answers(), secrets.failures()};
  figures.evicted_counters = counters_.evictions();
  figures.given_up_searches = Regex::gave_up();
}

// ---- running

// After configuration made a new snapshot: the workers are to take it.
void Control::publish() {
  for (auto& worker : workers_) worker->wake();
}

void Control::on_snapshot_taken() { versions_->settle(); }

void Control::every_second() {
  if (store_ != nullptr) store_->on_timer();
  versions_->settle();
  debug_ = debug_file_.look();
}

void Control::take_commands() {
  for (Command command; (command = inherited_.next_command()) != Command::none;) {
    obey(command);
    if (command == Command::stop) return;
  }
}

void Control::obey(Command command) {
  switch (command) {
    case Command::none:
      return;
    case Command::hand_over:
      return hand_over();
    case Command::take_back:
      return take_back();
    case Command::drain:
      drain();
      return;
    case Command::stop:
      stop(0);
      return;
    case Command::reopen_logs:
      reopen_logs();
      return;
  }
}

void Control::reopen_logs() {
  observe::reopen_log();
  if (access_log_ != nullptr) access_log_->reopen();
  if (session_log_ != nullptr) session_log_->reopen();
}

// ---- the end, and the way to it

// The store is for the next process: first, what was asked here is answered.
void Control::hand_over() {
  admin_->retire();
  control_->retire();
  departure_ = std::make_unique<Departure>(*this);
}

void Control::take_back() {
  departure_.reset();
  if (store::Outcome<void> opened = store_->reopen(); !opened) {
    log(Level::emerg, "{}", opened.error().message);
    return stop(1);  // the supervisor starts another one
  }
  listen(SocketKind::admin, *admin_);
  listen(SocketKind::control, *control_);
}

void Control::drain() {
  if (life_ != Life::serving) return stop(0);
  life_ = Life::draining;
  view_->drain();
  for (auto& endpoint : {&admin_, &control_, &status_, &metrics_server_}) (*endpoint)->retire();
  for (auto& worker : workers_) worker->drain();
  departure_ = std::make_unique<Departure>(*this);
}

// Whoever connects from now on is refused, or accepted by another process: nobody waits in vain.
void Control::close_doors() {
  auto accepting = [](const auto& worker) { return worker->accepting(); };
  bool done = life_ == Life::draining && std::none_of(workers_.begin(), workers_.end(), accepting);
  if (done) inherited_.close_sockets();
}

bool Control::all_endpoints(bool (ApiEndpoint::*are)() const) const {
  auto is = [are](const auto* endpoint) { return ((**endpoint).*are)(); };
  auto all = {&admin_, &control_, &status_, &metrics_server_};
  return std::all_of(all.begin(), all.end(), is);
}

void Control::let_go() {
  admin_->close_unused();
  control_->close_unused();
  if (life_ != Life::draining) {
    store_->close();
    return departure_->disarm();
  }
  auto ended = [](const auto& worker) { return worker->ended(); };
  if (!std::all_of(workers_.begin(), workers_.end(), ended)) return;
  status_->close_unused();  // so long, whoever watches the node is told that it drains
  metrics_server_->close_unused();
  if (all_endpoints(&ApiEndpoint::deserted)) stop(0);
}

void Control::stop(int status) {
  if (life_ != Life::ending) exit_status_ = status;
  life_ = Life::ending;
  loop_.stop();
}

Result<StoredReport> check_stored_objects(const Settings& settings) {
  (void)observe::start_log({.path = "/dev/null"});  // the report tells it all
  Result<StoredReport> report = Control(settings, {}).check_stored();
  observe::stop_log();
  return report;
}

int run_gateway(const Settings& settings, InheritedSockets inherited) {
  std::signal(SIGPIPE, SIG_IGN);
  Control control(settings, std::move(inherited));
  return control.run();
}

}  // namespace pylon::gateway

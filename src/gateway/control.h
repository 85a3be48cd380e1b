// Control: the control thread of a gateway process, and the process's life.
//
// It owns the store, compiles what changes into snapshots, serves Admin API, Control API, status
// and metrics, keeps the addresses of names fresh, starts the workers and ends them when the
// supervisor says so. All of it runs on one loop, on the process's first thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "admin/admin_api.h"
#include "control/control_api.h"
#include "gateway/api_endpoint.h"
#include "gateway/configuration.h"
#include "gateway/debug_file.h"
#include "gateway/gateway.h"
#include "gateway/inherited.h"
#include "gateway/node_view.h"
#include "gateway/settings.h"
#include "gateway/stored_values.h"
#include "gateway/worker.h"
#include "net/loop_clock.h"
#include "observe/log_writer.h"
#include "observe/metrics.h"
#include "plugin/catalogue.h"
#include "plugin/context.h"
#include "plugins/counter_table.h"
#include "plugins/prometheus_page.h"
#include "proxy/http_client.h"
#include "snapshot/versions.h"
#include "store/file/pushed_store.h"
#include "store/store.h"

namespace pylon::gateway {

class Control {
 public:
  Control(const Settings& settings, InheritedSockets inherited);
  ~Control();

  // Until the process is to end. Returns its exit status.
  int run();

  // Instead of run(): gateway.h, check_stored_objects().
  Result<StoredReport> check_stored();

 private:
  enum class Life : uint8_t { starting, serving, draining, ending };
  class CommandWatcher;
  class Tick;
  class Departure;

  Result<void> open();
  Result<void> open_logs();
  Result<void> open_access_log(const AccessLogSettings& log,
                               std::unique_ptr<observe::LogWriter>& into);
  Result<void> check_tls();
  Result<void> open_store();
  Result<void> open_embedded_store();
  Result<void> open_pushed_store();
  void enable_plugins(const std::vector<std::string>& names);
  void on_plugin_list(const Json* list);
  void reload_plugins();
  void boot();
  static void booted(void* self);
  async::Task<void> load();
  async::Task<void> judge(StoredReport& report);
  void start_workers();
  void start_servers();
  void serve(SocketKind kind, std::unique_ptr<ApiEndpoint>& endpoint, http::ApiHandler handler,
             size_t body_limit, std::unique_ptr<ApiTls> tls = nullptr);
  void listen(SocketKind kind, ApiEndpoint& endpoint);

  async::Task<http::ApiResponse> answer_status(const http::ApiRequest& request);
  async::Task<http::ApiResponse> answer_metrics(const http::ApiRequest& request);
  void tell_losses(plugins::GatewayFigures& figures) const;

  void take_commands();
  void obey(Command command);
  void reopen_logs();
  void hand_over();
  void take_back();
  void drain();
  void close_doors();
  bool all_endpoints(bool (ApiEndpoint::*are)() const) const;
  void let_go();
  void stop(int status);
  void every_second();
  void on_snapshot_taken();
  void publish();

  const Settings& settings_;
  InheritedSockets inherited_;
  net::Loop loop_;
  net::LoopClock clock_{loop_};
  observe::Metrics metrics_;
  plugin::Services services_;
  const plugins::CounterTable& counters_;  // of limit-count
  plugin::Catalogue catalogue_;
  plugin::FieldCipher cipher_;
  StoredValues values_{cipher_, process_environment()};
  std::unique_ptr<snapshot::Versions> versions_;  // dies before configuration_: it holds snapshots
  upstream::dns::Config dns_;
  proxy::Options proxy_options_;
  http::ServerLimits limits_;
  expr::LogFormat log_format_;
  expr::LogFormat session_log_format_;
  tls::ServerOptions tls_;
  tls::ClientOptions tls_client_;
  tls::ServerShare tls_share_;
  std::unique_ptr<observe::LogWriter> access_log_;
  std::unique_ptr<observe::LogWriter> session_log_;
  std::unique_ptr<store::Store> store_;
  store::PushedStore* pushed_store_ = nullptr;       // store_, when it is one
  std::vector<std::string> plugins_;                 // enabled now
  std::unique_ptr<tls::ClientContext> tls_context_;  // of the control thread
  upstream::dns::NetTransport dns_transport_{loop_};
  upstream::Resolver resolver_;
  std::unique_ptr<ApiTls> admin_tls_;              // until the Admin API is served
  std::unique_ptr<proxy::WorkerHttpClient> http_;  // asks secret managers
  std::unique_ptr<Configuration> configuration_;
  DebugFile debug_file_;
  std::atomic<bool> debug_{false};
  std::unique_ptr<WorkerShared> shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<admin::AdminApi> admin_api_;
  std::unique_ptr<NodeView> view_;
  std::unique_ptr<control::ControlApi> control_api_;
  std::unique_ptr<ApiEndpoint> admin_, control_, status_, metrics_server_;
  std::unique_ptr<CommandWatcher> commands_;
  std::unique_ptr<Tick> tick_;
  std::unique_ptr<Departure> departure_;  // while the store is handed over, or the process drains
  async::Task<void> boot_;
  Life life_ = Life::starting;
  int exit_status_ = 0;
};

}  // namespace pylon::gateway

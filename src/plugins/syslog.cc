#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "observe/log.h"
#include "plugin/log_courier.h"
#include "plugin/plugin.h"
#include "plugins/log_entry.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using schema::field;

constexpr int kPriority = 5 * 8 + 6;  // facility syslog, severity info (RFC 5424 6.2.1)

class Syslog {
 public:
  struct Config {
    std::string host;
    int64_t port = 0;
    int64_t flush_limit = 4096;
    int64_t drop_limit = 1'048'576;
    int64_t timeout = 3000;
    std::optional<LogEntry> log_format;
    std::string sock_type = "tcp";
    int64_t pool_size = 5;
    bool tls = false;
    std::string name = "stream sys logger";
    int64_t max_retry_count = 0;
    int64_t retry_delay = 1;
    int64_t buffer_duration = 60;
    int64_t inactive_timeout = 5;
    int64_t batch_max_size = 1000;

    static constexpr auto fields = std::tuple{
        field("host", &Config::host, "Name or address of the log server.").required(),
        field("port", &Config::port, "Its port.").required(),
        field("flush_limit", &Config::flush_limit,
              "Octets that are sent without waiting for more messages.")
            .at_least(1),
        field("drop_limit", &Config::drop_limit,
              "Octets that may wait in a worker; messages beyond are dropped."),
        field("timeout", &Config::timeout,
              "Milliseconds that connecting and sending may take together.")
            .at_least(1),
        field("log_format", &Config::log_format,
              "What is logged: an object with `$variables`. Wins over the metadata's."),
        field("sock_type", &Config::sock_type, "How the server is spoken to.")
            .one_of({"tcp", "udp"}),
        field("pool_size", &Config::pool_size,
              "Has no effect: each worker keeps one connection to the server.")
            .at_least(5),
        field("tls", &Config::tls, "TLS over TCP; the certificate is not verified, as in APISIX."),
        field("name", &Config::name, "Who logs, in the error log."),
        field("max_retry_count", &Config::max_retry_count,
              "How often messages that could not be sent are tried again.")
            .at_least(0),
        field("retry_delay", &Config::retry_delay, "Seconds between two attempts.").at_least(0),
        field("buffer_duration", &Config::buffer_duration, "Seconds that a message waits at most.")
            .at_least(1),
        field("inactive_timeout", &Config::inactive_timeout,
              "Seconds without a further message after which those that wait are sent.")
            .at_least(1),
        field("batch_max_size", &Config::batch_max_size,
              "Messages that are sent without waiting for more.")
            .at_least(1)};
  };
  struct Metadata {
    std::optional<LogEntry> log_format;
    int64_t max_pending_entries = 0;

    static constexpr auto fields =
        std::tuple{field("log_format", &Metadata::log_format,
                         "What is logged, unless the configuration has a format of its own."),
                   field("max_pending_entries", &Metadata::max_pending_entries,
                         "Has no effect: `drop_limit` bounds what waits.")
                       .fragment(R"({"type":"integer","minimum":1})")};
  };

  static constexpr PluginSpec spec{
      .name = "syslog",
      .priority = 401,
      .doc =
          "Sends a message in the form of RFC 5424 for each TCP connection or UDP session that "
          "is over. For stream routes only, so far."};

  static Result<void> check(const Config& config) {
    if (config.port >= 1 && config.port <= 65535) return {};
    return fail("property \"port\" validation failed: expected a port");
  }

  Syslog(Config config, const Context& context)
      : metadata_(context), format_(std::move(config.log_format)), pid_(::getpid()) {
    auto to = std::make_shared<LogDestination>();
    to->name = std::move(config.name);
    to->host = std::move(config.host);
    to->port = static_cast<uint16_t>(config.port);
    using Transport = LogDestination::Transport;
    to->transport = config.sock_type == "udp" ? Transport::udp
                    : config.tls              ? Transport::tls
                                              : Transport::tcp;
    to->timeout_ms = config.timeout;
    to->batch_messages = static_cast<size_t>(config.batch_max_size);
    to->batch_octets = static_cast<size_t>(config.flush_limit);
    to->quiet_ms = config.inactive_timeout * 1000;
    to->longest_ms = config.buffer_duration * 1000;
    to->retries = static_cast<int>(std::min<int64_t>(config.max_retry_count, kMostRetries));
    to->retry_delay_ms = config.retry_delay * 1000;
    to->most_octets = static_cast<size_t>(std::max<int64_t>(config.drop_limit, 0));
    to_ = std::move(to);
  }

  void session_log(Exchange& exchange) const {
    const LogEntry* format = format_ ? &*format_ : nullptr;
    const Metadata& metadata = metadata_.in(exchange);
    if (format == nullptr && metadata.log_format) format = &*metadata.log_format;
    if (format == nullptr) {
      observe::log(observe::Level::error, "syslog's log_format is not set");
      return;
    }
    std::string message = head(exchange);
    format->write(exchange, message);
    message += '\n';
    exchange.worker->logs.send(to_, message);
  }

 private:
  static constexpr int64_t kMostRetries = 1000;

  // "<46>1 2024-01-06T02:30:59.145Z - apisix 123 - - ": there is no host in a session.
  std::string head(const Exchange& exchange) const {
    int64_t wall_us = exchange.start_wall_us + (exchange.end_us - exchange.start_us);
    time_t wall_s = wall_us / 1'000'000;
    tm at{};
    ::gmtime_r(&wall_s, &at);
    return fmt::format("<{}>1 {:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z - apisix {} - - ",
                       kPriority, at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour,
                       at.tm_min, at.tm_sec, wall_us / 1000 % 1000, pid_);
  }

  MetadataSlot<Metadata> metadata_;
  std::optional<LogEntry> format_;
  std::shared_ptr<const LogDestination> to_;
  pid_t pid_;
};

}  // namespace

PluginType syslog() { return type_of<Syslog>(); }

}  // namespace pylon::plugins

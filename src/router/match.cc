#include <algorithm>

#include "router/table.h"

namespace pylon::router {

// One search. Each step answers whether the search is over.
class Matcher {
 public:
  explicit Matcher(http::Exchange& exchange) : exchange_(exchange) {}

  bool try_table(const Table& table) {
    if (table.mode() == Mode::host_uri && try_hosts(table)) return true;
    return try_paths(table.paths_, {});
  }

  const Match& result() const { return result_; }

 private:
  bool try_hosts(const Table& table) {
    std::string_view host = exchange_.request.host;
    if (!table.hosts_.empty()) {
      const PathTable* paths = table.hosts_.find(host);
      if (paths != nullptr && try_paths(*paths, host)) return true;
    }
    if (table.wildcards_.empty()) return false;
    char* reversed = exchange_.arena.bytes(host.size());
    std::reverse_copy(host.begin(), host.end(), reversed);
    return table.wildcards_.visit_prefixes_longest_first(
        {reversed, host.size()},
        [&](const Table::HostNode& node, size_t) { return try_paths(node.paths, node.pattern); });
  }

  // `host`: the host or pattern that led here; null: the rules' hosts are a condition.
  bool try_paths(const PathTable& paths, std::string_view host) {
    return paths.visit(exchange_.request.uri, [&](const PathNode& node, bool is_exact) {
      if (node.hosts) return try_by_host(node, is_exact);
      for (size_t i = 0; i < node.any_host.size(); ++i) {
        if (try_candidate(node.any_host[i], is_exact, host)) return true;
      }
      return false;
    });
  }

  // The candidates of the request's host and those of any host, in their common order.
  bool try_by_host(const PathNode& node, bool is_exact) {
    static const CandidateList kNobody;
    std::string_view host = exchange_.request.host;
    const CandidateList* known = node.hosts->by_host.find(host);
    const CandidateList& hosted = known != nullptr ? *known : kNobody;
    const CandidateList& others = node.any_host;
    for (size_t i = 0, j = 0; i < hosted.size() || j < others.size();) {
      bool take_hosted =
          j == others.size() || (i < hosted.size() && precedes(hosted[i], others[j]));
      bool over = take_hosted ? try_candidate(hosted[i++], is_exact, host)
                              : try_candidate(others[j++], is_exact, {});
      if (over) return true;
    }
    return false;
  }

  bool try_candidate(const Candidate& candidate, bool is_exact, std::string_view host) {
    const Rule& rule = *candidate.rule;
    if (!rule.accepts_method(exchange_.request.method)) return false;
    if (!rule.accepts_address(exchange_.client.address)) return false;
    if (host.data() == nullptr && !rule.hosts().empty()) {
      host = rule.matching_host(exchange_);
      if (host.data() == nullptr) return false;
    }
    UriParams params;
    std::string_view pattern = exchange_.request.uri;
    if (!is_exact) {
      pattern = candidate.pattern().text();
      if (!candidate.pattern().accepts(exchange_.request.uri, exchange_.arena, params)) {
        return false;
      }
    }
    if (rule.needs_body() && !exchange_.body_known) {
      result_.state = Match::State::needs_body;
      return true;
    }
    if (!rule.accepts_content(exchange_)) return false;
    result_ = {Match::State::found, rule.target(), pattern, host};
    exchange_.uri_params = params.data;
    exchange_.uri_param_count = params.count;
    return true;
  }

  http::Exchange& exchange_;
  Match result_;
};

Match match(const Table& table, http::Exchange& exchange) {
  std::string_view uri = exchange.request.uri;
  // Conditions see the same path as the search.
  if (exchange.request.match_uri.data() != nullptr) {
    exchange.request.uri = exchange.request.match_uri;
  }
  Matcher matcher(exchange);
  matcher.try_table(table);
  exchange.request.uri = uri;
  return matcher.result();
}

}  // namespace pylon::router

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
      const Ref<const HostNode>* node = table.hosts_.find(host);
      if (node != nullptr && try_paths((*node)->paths, (*node)->pattern)) return true;
    }
    if (table.wildcards_.empty()) return false;
    char* reversed = exchange_.arena.bytes(host.size());
    std::reverse_copy(host.begin(), host.end(), reversed);
    return table.wildcards_.visit_prefixes_longest_first(
        {reversed, host.size()},
        [&](const HostNode& node, size_t) { return try_paths(node.paths, node.pattern); });
  }

  bool try_paths(const PathTable& paths, std::string_view host) {
    return paths.visit(exchange_.request.uri,
                       [&](const PathNode& node) { return try_node(node, host); });
  }

  bool try_node(const PathNode& node, std::string_view host) {
    const Ref<const CandidateList>* known =
        node.by_host.empty() ? nullptr : node.by_host.find(exchange_.request.host);
    if (known != nullptr) return try_merged((*known)->items, node.any_host.items);
    for (const Candidate& candidate : node.any_host.items) {
      if (try_candidate(candidate, host)) return true;
    }
    return false;
  }

  // Both lists in their common order. The candidates of the first have the right host.
  bool try_merged(const std::vector<Candidate>& hosted, const std::vector<Candidate>& others) {
    auto first = hosted.begin();
    auto second = others.begin();
    while (first != hosted.end() || second != others.end()) {
      bool take_first =
          second == others.end() || (first != hosted.end() && precedes(*first, *second));
      std::string_view host = take_first ? exchange_.request.host : std::string_view();
      if (try_candidate(take_first ? *first++ : *second++, host)) return true;
    }
    return false;
  }

  // `host`: the pattern that led here; null: the rule's hosts are a condition.
  bool try_candidate(const Candidate& candidate, std::string_view host) {
    const Rule& rule = *candidate.rule;
    if (!rule.accepts_method(exchange_.request.method)) return false;
    if (!rule.accepts_address(exchange_.client.address)) return false;
    if (host.data() == nullptr && !rule.hosts().empty()) {
      host = rule.matching_host(exchange_);
      if (host.data() == nullptr) return false;
    }
    UriParams params;
    const PathPattern& pattern = candidate.pattern();
    if (!pattern.accepts(exchange_.request.uri, exchange_.arena, params)) return false;
    if (rule.needs_body() && !exchange_.body_known) {
      result_.state = Match::State::needs_body;
      return true;
    }
    if (!rule.accepts_content(exchange_)) return false;
    result_ = {Match::State::found, rule.target(), pattern.text(), host};
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

#include <algorithm>

#include "router/explain.h"
#include "router/table.h"

namespace pylon::router {
namespace {

// Who looks on at a search is told what becomes of each candidate, and answers whether the search
// is over. The one of match() sees nothing and costs nothing.
struct Nobody {
  static constexpr bool kGoesOn = false;
  static bool refused(const Candidate&, std::string_view, Obstacle) { return false; }
  static bool accepted(const Candidate&, std::string_view, std::string_view) { return true; }
};

// Goes on behind the route that is found, to see which others would have taken the request.
class Recorder {
 public:
  static constexpr bool kGoesOn = true;
  explicit Recorder(size_t limit) : limit_(limit) {}

  bool refused(const Candidate& candidate, std::string_view host, Obstacle obstacle) {
    if (!full()) note(candidate, host, obstacle);
    return found_ && full();
  }
  bool accepted(const Candidate& candidate, std::string_view, std::string_view host) {
    if (!found_ || !full()) note(candidate, host, Obstacle::none);
    found_ = true;
    return full();
  }
  std::vector<Trial> take() && { return std::move(trials_); }

 private:
  bool full() const { return trials_.size() >= limit_; }
  void note(const Candidate& candidate, std::string_view host, Obstacle obstacle) {
    trials_.push_back({candidate.rule->target(), candidate.pattern().text(), host, obstacle});
  }

  std::vector<Trial> trials_;
  size_t limit_;
  bool found_ = false;
};

}  // namespace

// One search. Each step answers whether the search is over.
template <class Witness>
class Matcher {
 public:
  Matcher(http::Exchange& exchange, Witness& witness) : exchange_(exchange), witness_(witness) {}

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
    auto refused = [&, host](Obstacle why) { return witness_.refused(candidate, host, why); };
    if (!rule.accepts_method(exchange_.request.method)) return refused(Obstacle::method);
    if (!rule.accepts_address(exchange_.client.address)) return refused(Obstacle::remote_addr);
    if (host.data() == nullptr && !rule.hosts().empty()) {
      host = rule.matching_host(exchange_);
      if (host.data() == nullptr) return refused(Obstacle::host);
    }
    UriParams params;
    std::string_view pattern = exchange_.request.uri;
    if (!is_exact) {
      pattern = candidate.pattern().text();
      if (!candidate.pattern().accepts(exchange_.request.uri, exchange_.arena, params)) {
        return refused(Obstacle::uri);
      }
    }
    if (rule.needs_body() && !exchange_.body_known) {
      result_.state = Match::State::needs_body;
      return true;
    }
    if (!rule.accepts_content(exchange_)) return refused(Obstacle::content);
    if (!Witness::kGoesOn || result_.state == Match::State::none) {
      result_ = {Match::State::found, rule.target(), pattern, host};
      exchange_.uri_params = params.data;
      exchange_.uri_param_count = params.count;
    }
    return witness_.accepted(candidate, pattern, host);
  }

  http::Exchange& exchange_;
  Witness& witness_;
  Match result_;
};

namespace {

template <class Witness>
Match search(const Table& table, http::Exchange& exchange, Witness& witness) {
  std::string_view uri = exchange.request.uri;
  // Conditions see the same path as the search.
  if (exchange.request.match_uri.data() != nullptr) {
    exchange.request.uri = exchange.request.match_uri;
  }
  Matcher<Witness> matcher(exchange, witness);
  matcher.try_table(table);
  exchange.request.uri = uri;
  return matcher.result();
}

}  // namespace

Match match(const Table& table, http::Exchange& exchange) {
  Nobody nobody;
  return search(table, exchange, nobody);
}

Explanation explain(const Table& table, http::Exchange& exchange, size_t limit) {
  exchange.body_known = true;
  Recorder recorder(limit);
  Match match = search(table, exchange, recorder);
  return {match, std::move(recorder).take()};
}

Obstacle obstacle_before_search(const Rule& rule, const http::Exchange& exchange) {
  bool host_fits = rule.hosts().empty() || rule.matching_host(exchange).data() != nullptr;
  return host_fits ? Obstacle::uri : Obstacle::host;
}

std::string_view obstacle_name(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::none:
      return "none";
    case Obstacle::method:
      return "method";
    case Obstacle::remote_addr:
      return "remote_addr";
    case Obstacle::host:
      return "host";
    case Obstacle::uri:
      return "uri";
    case Obstacle::content:
      break;
  }
  return "vars";
}

}  // namespace pylon::router

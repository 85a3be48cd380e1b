// Random routes and requests: the table against a matcher that follows the rules naively.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/regex.h"
#include "router/table.h"
#include "router/test_table.h"

namespace pylon::router {
namespace {

struct NaiveRoute {
  std::string name;
  uint64_t sequence = 0;
  int64_t priority = 0;
  std::vector<std::string> uris;
  std::vector<std::string> hosts;
  std::string method;    // empty: any
  std::string argument;  // value that arg_a must have; empty: any

  std::string json() const {
    Json value = Json::object();
    for (const std::string& uri : uris) value["uris"].push_back(uri);
    for (const std::string& host : hosts) value["hosts"].push_back(host);
    value["priority"] = priority;
    if (!method.empty()) value["methods"] = Json::array({method});
    if (!argument.empty()) value["vars"] = Json::array({Json::array({"arg_a", "==", argument})});
    return value.dump();
  }
};

struct NaiveRequest {
  std::string host, path, method, argument;
};

// One uri of one route, under the literal text that leads to it.
struct Way {
  const NaiveRoute* route;
  std::string uri;
  std::string prefix;
  bool exact;
};

class NaiveMatcher {
 public:
  NaiveMatcher(Mode mode, const std::vector<NaiveRoute>& routes) : mode_(mode), routes_(routes) {}

  std::string match(const NaiveRequest& request) const {
    if (mode_ != Mode::host_uri) {
      return match_paths(request, [&](const NaiveRoute& route) {
        return route.hosts.empty() ||
               std::any_of(route.hosts.begin(), route.hosts.end(),
                           [&](const std::string& host) { return fits(request.host, host); });
      });
    }
    for (const std::string& pattern : host_order(request.host)) {
      std::string found = match_paths(request, [&](const NaiveRoute& route) {
        return std::find(route.hosts.begin(), route.hosts.end(), pattern) != route.hosts.end();
      });
      if (found != "none") return found;
    }
    return match_paths(request, [](const NaiveRoute& route) { return route.hosts.empty(); });
  }

 private:
  static bool fits(const std::string& host, const std::string& pattern) {
    return pattern[0] == '*' ? host.ends_with(pattern.substr(1)) : host == pattern;
  }

  std::vector<std::string> host_order(const std::string& host) const {
    std::vector<std::string> patterns;
    for (const NaiveRoute& route : routes_) {
      for (const std::string& pattern : route.hosts) {
        if (fits(host, pattern)) patterns.push_back(pattern);
      }
    }
    std::sort(patterns.begin(), patterns.end(), [](const auto& a, const auto& b) {
      bool a_exact = a[0] != '*';
      bool b_exact = b[0] != '*';
      return a_exact != b_exact ? a_exact : a.size() > b.size();
    });
    return patterns;
  }

  template <class Wanted>
  std::string match_paths(const NaiveRequest& request, Wanted&& wanted) const {
    std::vector<Way> ways;
    for (const NaiveRoute& route : routes_) {
      if (!wanted(route)) continue;
      for (const std::string& uri : route.uris) {
        size_t special = uri.find_first_of(mode_ == Mode::uri_with_parameter ? ":*" : "*");
        ways.push_back({&route, uri, uri.substr(0, special), special == uri.npos});
      }
    }
    std::stable_sort(ways.begin(), ways.end(), [](const Way& a, const Way& b) {
      auto key = [](const Way& way) {
        return std::tuple(!way.exact, -static_cast<int64_t>(way.prefix.size()),
                          -way.route->priority, -static_cast<int64_t>(way.uri.size()),
                          way.route->sequence);
      };
      return key(a) < key(b);
    });
    for (const Way& way : ways) {
      if (accepts(way, request)) return way.route->name;
    }
    return "none";
  }

  static bool accepts(const Way& way, const NaiveRequest& request) {
    const NaiveRoute& route = *way.route;
    if (!route.method.empty() && route.method != request.method) return false;
    if (!route.argument.empty() && route.argument != request.argument) return false;
    if (way.exact) return request.path == way.uri;
    return request.path.starts_with(way.prefix) && whole_path(way.uri, request.path);
  }

  // The whole path as APISIX holds it against a regular expression.
  static bool whole_path(const std::string& uri, const std::string& path) {
    std::string pattern;
    bool special = false;
    for (size_t at = 0; at <= uri.size();) {
      size_t end = std::min(uri.find('/', at), uri.size());
      std::string segment = uri.substr(at, end - at);
      if (at > 0) pattern += "/";
      special |= segment.starts_with(':') || segment.starts_with('*');
      if (segment.starts_with(':')) segment = "([^/]+)";
      if (segment.starts_with('*')) segment = "((.|\\n)*)";
      pattern += segment;
      at = end + 1;
    }
    if (!special) return true;
    Captures captures;
    return Regex::compile(pattern)->search(path, captures) && captures[0] == path;
  }

  Mode mode_;
  const std::vector<NaiveRoute>& routes_;
};

class Dice {
 public:
  explicit Dice(uint32_t seed) : random_(seed) {}

  size_t below(size_t bound) { return random_() % bound; }
  std::string one_of(const std::vector<std::string>& choices) {
    return choices[below(choices.size())];
  }

 private:
  std::mt19937 random_;
};

NaiveRoute random_route(Dice& dice, size_t number, uint64_t sequence) {
  static const std::vector<std::string> kUris = {
      "/",     "/a",    "/a/",      "/a/b",   "/*",    "/a*",      "/a/*",
      "/a/b*", "/ab",   "/a/*/c",   "/a/:id", "/:x/b", "/a/:id/c", "/a/*rest",
      "/*/b",  "/b*/c", "/a/:x/*y", "/a/b:c", "/:x",   "/a/:x/",   "/*/b/*"};
  static const std::vector<std::string> kHosts = {"a.com", "b.a.com", "*.a.com",  "*a.com",
                                                  "*.com", "*",       "c.b.a.com"};
  NaiveRoute route;
  route.name = std::to_string(number);
  route.sequence = sequence;
  route.priority = static_cast<int64_t>(dice.below(3));
  route.uris.push_back(dice.one_of(kUris));
  if (dice.below(3) == 0) {
    std::string other = dice.one_of(kUris);
    if (other != route.uris[0]) route.uris.push_back(other);
  }
  if (dice.below(3) != 0) route.hosts.push_back(dice.one_of(kHosts));
  if (dice.below(4) == 0 && !route.hosts.empty()) {
    std::string other = dice.one_of(kHosts);
    if (other != route.hosts[0]) route.hosts.push_back(other);
  }
  if (dice.below(3) == 0) route.method = dice.one_of({"GET", "POST"});
  if (dice.below(3) == 0) route.argument = dice.one_of({"1", "2"});
  return route;
}

NaiveRequest random_request(Dice& dice) {
  std::string path;
  size_t segments = 1 + dice.below(4);
  for (size_t i = 0; i < segments; ++i) path += "/" + dice.one_of({"a", "b", "c", "ab", "", "b:c"});
  return {dice.one_of({"a.com", "b.a.com", "c.b.a.com", "xa.com", "b.com", "org", ""}), path,
          dice.one_of({"GET", "POST"}), dice.one_of({"1", "2", "3"})};
}

void compare(const TestTable& table, const NaiveMatcher& naive, const NaiveRequest& wanted) {
  std::string args = "a=" + wanted.argument;
  TestRequest request(wanted.host, wanted.path, args);
  request.request().method = http::method_of(wanted.method);
  ASSERT_EQ(request.in(table), naive.match(wanted))
      << wanted.method << " " << wanted.host << wanted.path << "?" << args;
}

void run(Mode mode, uint32_t seed) {
  Dice dice(seed);
  TestTable table(mode);
  std::vector<NaiveRoute> routes;
  uint64_t last_sequence = 0;
  for (size_t step = 0; step < 60; ++step) {
    size_t number = dice.below(25);
    auto known = std::find_if(routes.begin(), routes.end(), [&](const NaiveRoute& route) {
      return route.name == std::to_string(number);
    });
    if (known != routes.end() && dice.below(2) == 0) {
      table.erase(known->name);
      routes.erase(known);
    } else {
      uint64_t sequence = known != routes.end() ? known->sequence : ++last_sequence;
      NaiveRoute route = random_route(dice, number, sequence);
      table.put(route.name, route.json());
      if (known != routes.end()) *known = route;
      if (known == routes.end()) routes.push_back(route);
    }
    NaiveMatcher naive(mode, routes);
    for (int i = 0; i < 20; ++i) compare(table, naive, random_request(dice));
    if (::testing::Test::HasFatalFailure()) return;
  }
  while (!routes.empty()) {
    table.erase(routes.back().name);
    routes.pop_back();
  }
  EXPECT_EQ(TestRequest("a.com", "/a").in(table), "none");
}

TEST(TableProperty, HostUri) {
  for (uint32_t seed = 0; seed < 12; ++seed) run(Mode::host_uri, seed);
}

TEST(TableProperty, Uri) {
  for (uint32_t seed = 100; seed < 112; ++seed) run(Mode::uri, seed);
}

TEST(TableProperty, UriWithParameter) {
  for (uint32_t seed = 200; seed < 212; ++seed) run(Mode::uri_with_parameter, seed);
}

}  // namespace
}  // namespace pylon::router

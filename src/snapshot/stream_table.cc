#include "snapshot/stream_table.h"

#include <algorithm>
#include <utility>

namespace pylon::snapshot {

namespace {

bool comes_before(const StreamRoute& a, const StreamRoute& b) {
  return a.sequence != b.sequence ? a.sequence < b.sequence : a.id < b.id;
}

bool holds(const StreamRoute& route, const StreamTable::Question& question) {
  if (route.server_port != 0 && route.server_port != question.server_port) return false;
  if (route.remote_addr && !route.remote_addr->contains(question.remote)) return false;
  return !route.server_addr || route.server_addr->contains(question.server);
}

template <class List>
const StreamRoute* first_that_holds(const List* list, const StreamTable::Question& question) {
  if (list == nullptr) return nullptr;
  for (const auto& route : list->routes) {
    if (holds(*route, question)) return route.get();
  }
  return nullptr;
}

}  // namespace

// ---- changes

const StreamTable::List* StreamTable::Editor::list_of(const StreamRoute& route) {
  const Ref<const List>* found =
      route.sni.empty() ? by_port_.find(route.server_port) : by_sni_.find(route.sni);
  return found != nullptr ? found->get() : nullptr;
}

void StreamTable::Editor::put(const StreamRoute& route, Ref<const List> list) {
  if (route.sni.empty()) {
    by_port_.insert(route.server_port, std::move(list));
  } else {
    by_sni_.insert(route.sni, std::move(list));
  }
}

void StreamTable::Editor::insert(Ref<const StreamRoute> route) {
  if (!route->sni.empty()) {
    const uint32_t* count = named_.find(route->server_port);
    named_.insert(route->server_port, count != nullptr ? *count + 1 : 1);
  }
  auto list = make_ref<List>();
  if (const List* old = list_of(*route); old != nullptr) list->routes = old->routes;
  auto place = std::upper_bound(list->routes.begin(), list->routes.end(), route,
                                [](const auto& a, const auto& b) { return comes_before(*a, *b); });
  const StreamRoute& kept = **list->routes.insert(place, std::move(route));
  put(kept, std::move(list));
}

void StreamTable::Editor::erase(const StreamRoute& route) {
  const List* old = list_of(route);
  if (old == nullptr) return;
  auto list = make_ref<List>();
  for (const auto& each : old->routes) {
    if (each->id != route.id) list->routes.push_back(each);
  }
  if (!route.sni.empty() && list->routes.size() < old->routes.size()) {
    uint32_t left = *named_.find(route.server_port) - 1;
    if (left != 0) {
      named_.insert(route.server_port, left);
    } else {
      named_.erase(route.server_port);
    }
  }
  if (!list->routes.empty()) {
    put(route, std::move(list));
  } else if (route.sni.empty()) {
    by_port_.erase(route.server_port);
  } else {
    by_sni_.erase(route.sni);
  }
}

StreamTable StreamTable::Editor::commit() && {
  StreamTable table;
  table.by_port_ = std::move(by_port_).commit();
  table.by_sni_ = std::move(by_sni_).commit();
  table.named_ = std::move(named_).commit();
  return table;
}

// ---- questions

const StreamRoute* StreamTable::match(const Question& question) const {
  const StreamRoute* route = nullptr;
  if (!question.sni.empty() && !by_sni_.empty()) route = match_name(question);
  return route != nullptr ? route : match_port(question);
}

const StreamRoute* StreamTable::match_name(const Question& question) const {
  auto among = [&](std::string_view name) {
    const Ref<const List>* list = by_sni_.find(name);
    return list != nullptr ? first_that_holds(list->get(), question) : nullptr;
  };
  if (const StreamRoute* exact = among(question.sni); exact != nullptr) return exact;
  std::string wildcard;
  for (size_t at = 1; at <= question.sni.size(); at++) {  // "*" stands for one octet at least
    wildcard.assign("*").append(question.sni.substr(at));
    if (const StreamRoute* route = among(wildcard); route != nullptr) return route;
  }
  return nullptr;
}

// The lists of the port and of any port, as if they were one.
const StreamRoute* StreamTable::match_port(const Question& question) const {
  const Ref<const List>* of_port = by_port_.find(question.server_port);
  const Ref<const List>* of_any = by_port_.find(0);
  const StreamRoute* a = of_port ? first_that_holds(of_port->get(), question) : nullptr;
  const StreamRoute* b = of_any ? first_that_holds(of_any->get(), question) : nullptr;
  if (a == nullptr || b == nullptr) return a != nullptr ? a : b;
  return comes_before(*a, *b) ? a : b;
}

}  // namespace pylon::snapshot

// type_of<P>(): finds what a plugin's class offers and fills the tables of PluginType.
#pragma once

#include <utility>

#include "plugin/plugin.h"

namespace pylon::plugin::detail {

template <class P>
struct StateOf {
  struct type {};
  static constexpr StateInfo info() { return {}; }
};
template <class P>
requires requires { typename P::State; }
struct StateOf<P> {
  using type = typename P::State;
  static_assert(std::is_trivially_copyable_v<type> && std::is_trivially_destructible_v<type>,
                "a State lives in the arena and may be moved by memcpy");
  static constexpr StateInfo info() {
    return {sizeof(type), alignof(type), [](void* place) { new (place) type(); }};
  }
};

// The names of the phases, once each: everything below works with these.
struct Rewrite {
  template <class P, class... Args>
  static auto call(P& plugin, Args&... args) -> decltype(plugin.rewrite(args...)) {
    return plugin.rewrite(args...);
  }
};
struct Access {
  template <class P, class... Args>
  static auto call(P& plugin, Args&... args) -> decltype(plugin.access(args...)) {
    return plugin.access(args...);
  }
};
struct BeforeProxy {
  template <class P, class... Args>
  static auto call(P& plugin, Args&... args) -> decltype(plugin.before_proxy(args...)) {
    return plugin.before_proxy(args...);
  }
};
struct HeaderFilter {
  template <class P, class... Args>
  static auto call(P& plugin, Args&... args) -> decltype(plugin.header_filter(args...)) {
    return plugin.header_filter(args...);
  }
};
struct BodyFilter {
  template <class P, class... Args>
  static auto call(P& plugin, Args&... args) -> decltype(plugin.body_filter(args...)) {
    return plugin.body_filter(args...);
  }
};
struct Log {
  template <class P, class... Args>
  static auto call(P& plugin, Args&... args) -> decltype(plugin.log(args...)) {
    return plugin.log(args...);
  }
};
struct SessionLog {
  template <class P, class... Args>
  static auto call(P& plugin, Args&... args) -> decltype(plugin.session_log(args...)) {
    return plugin.session_log(args...);
  }
};
struct Preread {
  template <class P, class... Args>
  static auto call(P& plugin, Args&... args) -> decltype(plugin.preread(args...)) {
    return plugin.preread(args...);
  }
};

template <class Name, class P, class... Args>
concept Calls = requires(P& plugin, Args&... args) {
  Name::call(plugin, args...);
};

// Whether the phase wants the State, and that it is const: one that is not would never be found.
template <class Name, class P, class... Args>
struct Found {
  using State = typename StateOf<P>::type;
  static constexpr bool plain = Calls<Name, const P, Args...>;
  static constexpr bool with_state = Calls<Name, const P, Args..., State>;
  static constexpr bool present = plain || with_state;
  static_assert(present == (Calls<Name, P, Args...> || Calls<Name, P, Args..., State>),
                "a phase is a const member function");
};

template <class Name, class P, class... Args>
decltype(auto) invoke(const void* plugin, Args&... args, void* state) {
  const P& object = *static_cast<const P*>(plugin);
  if constexpr (Found<Name, P, Args...>::plain) {
    return Name::call(object, args...);
  } else {
    return Name::call(object, args..., *static_cast<typename StateOf<P>::type*>(state));
  }
}

template <class Name, class P>
PhaseCall verdict_call() {
  PhaseCall call;
  if constexpr (Found<Name, P, Exchange>::present) {
    using Answer = decltype(invoke<Name, P, Exchange>(nullptr, std::declval<Exchange&>(), nullptr));
    call.present = true;
    if constexpr (std::is_same_v<Answer, Task<Verdict>>) {
      call.is_async = true;
      call.async = &invoke<Name, P, Exchange>;
    } else {
      static_assert(std::is_same_v<Answer, Verdict>, "this phase gives Verdict or Task<Verdict>");
      call.sync = &invoke<Name, P, Exchange>;
    }
  }
  return call;
}

template <class Name, class P>
PhaseCall observe_call() {
  PhaseCall call;
  if constexpr (Found<Name, P, Exchange>::present) {
    call.present = true;
    call.observe = &invoke<Name, P, Exchange>;
  }
  return call;
}

template <class P>
PhaseCall filter_call() {
  PhaseCall call;
  if constexpr (Found<BodyFilter, P, Exchange, Body>::present) {
    call.present = true;
    call.filter = &invoke<BodyFilter, P, Exchange, Body>;
  }
  return call;
}

template <class P>
PhaseCall preread_call() {
  PhaseCall call;
  if constexpr (Found<Preread, P, Connection>::present) {
    call.present = true;
    call.preread = &invoke<Preread, P, Connection>;
  }
  return call;
}

template <class T, class Base>
struct Holding final : Base {
  template <class... Args>
  explicit Holding(Args&&... args) : value(std::forward<Args>(args)...) {
    this->object_ = &value;
  }
  T value;
};

template <class P>
Result<void> check_config(const typename P::Config& config, const Context& context) {
  if constexpr (requires { P::check(config, context); }) {
    return P::check(config, context);
  } else if constexpr (requires { P::check(config); }) {
    return P::check(config);
  } else {
    static_cast<void>(context);
    return {};
  }
}

template <class P>
Result<void> check(const Context& context) {
  auto config = schema::from_valid<typename P::Config>(context.conf);
  if (!config) return tl::unexpected(config.error());
  return check_config<P>(*config, context);
}

template <class P>
Result<Ref<const Instance>> make(const Context& context) {
  using Held = Holding<P, Instance>;
  auto config = schema::from_valid<typename P::Config>(context.conf);
  if (!config) return tl::unexpected(config.error());
  if (auto checked = check_config<P>(*config, context); !checked) {
    return tl::unexpected(checked.error());
  }
  if constexpr (std::is_constructible_v<P, typename P::Config, const Context&>) {
    return Ref<const Instance>(new Held(std::move(*config), context));
  } else {
    return Ref<const Instance>(new Held(std::move(*config)));
  }
}

template <class T, class Base>
Result<Ref<const Base>> make_value(const Json& conf) {
  auto value = schema::from_valid<T>(conf);
  if (!value) return tl::unexpected(value.error());
  return Ref<const Base>(new Holding<T, Base>(std::move(*value)));
}

template <class T>
DocumentInfo document() {
  return {[] { return schema::schema_of<T>(); }, [] { return schema::reference_of<T>(); },
          [] { return schema::encrypted_fields_of<T>(); }};
}

}  // namespace pylon::plugin::detail

namespace pylon::plugin {

template <class P>
PluginType type_of() {
  PluginType type;
  type.spec = P::spec;
  type.calls = {detail::verdict_call<detail::Rewrite, P>(),
                detail::verdict_call<detail::Access, P>(),
                detail::verdict_call<detail::BeforeProxy, P>(),
                detail::observe_call<detail::HeaderFilter, P>(),
                detail::filter_call<P>(),
                detail::observe_call<detail::Log, P>(),
                detail::preread_call<P>(),
                detail::observe_call<detail::SessionLog, P>()};
  constexpr bool any_phase = detail::Found<detail::Rewrite, P, Exchange>::present ||
                             detail::Found<detail::Access, P, Exchange>::present ||
                             detail::Found<detail::BeforeProxy, P, Exchange>::present ||
                             detail::Found<detail::HeaderFilter, P, Exchange>::present ||
                             detail::Found<detail::BodyFilter, P, Exchange, Body>::present ||
                             detail::Found<detail::Log, P, Exchange>::present ||
                             detail::Found<detail::SessionLog, P, Exchange>::present ||
                             detail::Found<detail::Preread, P, Connection>::present;
  static_assert(any_phase, "a plugin takes part in at least one phase");
  type.state = detail::StateOf<P>::info();
  type.config = detail::document<typename P::Config>();
  type.check = &detail::check<P>;
  type.make = &detail::make<P>;
  if constexpr (requires { typename P::ConsumerConfig; }) {
    static_assert(!P::spec.key_attribute.empty(), "name the field that finds the consumer");
    type.consumer = detail::document<typename P::ConsumerConfig>();
    type.make_auth = &detail::make_value<typename P::ConsumerConfig, config::AuthConf>;
  }
  if constexpr (requires { typename P::Metadata; }) {
    type.metadata = detail::document<typename P::Metadata>();
    type.make_metadata = &detail::make_value<typename P::Metadata, MetadataValue>;
  }
  return type;
}

}  // namespace pylon::plugin

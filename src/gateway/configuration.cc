#include "gateway/configuration.h"

#include "admin/target.h"
#include "gateway/room_options.h"
#include "net/waker.h"
#include "observe/log.h"

namespace pylon::gateway {
namespace {

router::Mode router_mode(RouterMode mode) {
  switch (mode) {
    case RouterMode::uri:
      return router::Mode::uri;
    case RouterMode::uri_with_parameter:
      return router::Mode::uri_with_parameter;
    case RouterMode::host_uri:
      break;
  }
  return router::Mode::host_uri;
}

// By its own key, not by that of what it belongs to.
bool is_listed(const Configuration::Name& name) {
  const config::ResourceType& type = config::resource_type(name.kind);
  return type.parent.empty() && admin::Keys::is_direct(type, {}, name.id);
}

}  // namespace

Configuration::Configuration(const Parts& parts, const Settings& settings, Hooks hooks)
    : parts_(parts),
      prefix_(settings.store.key_prefix + "/"),
      published_(std::move(hooks.published)),
      reload_plugins_(std::move(hooks.reload_plugins)),
      transport_(parts.loop),
      resolver_(parts.dns, transport_, parts.clock),
      names_(parts.loop.timers(), parts.clock, resolver_,
             [this](const std::string& host, const std::vector<IpAddress>&) {
               publish(builder_.readdress(host));
             }),
      secrets_({parts.loop, parts.http, parts.clock, process_environment(),
                [this](const std::vector<SecretUser>& users) { on_secrets_changed(users); }},
               parts.secrets),
      builder_({parts.catalogue, names_, default_keepalive(settings),
                router_mode(settings.proxy.router), settings.store.key_prefix, &parts.values}) {
  parts_.values.use(secrets_);
}

Configuration::~Configuration() = default;

// ---- from the store

async::Task<Result<void>> Configuration::load() {
  meanwhile_.clear();
  reading_all_ = true;
  if (std::exchange(compile_all_, false)) keys_.forget_revisions();
  Changes changes;
  AppliedKeys keys;
  auto visit = [&](store::Entry entry) {
    const AppliedKeys::Held* held = keys_.find(entry.key);
    if (held != nullptr && held->mod_revision == entry.mod_revision) {
      keys.put(entry.key, *held);
      return;
    }
    take(keys, std::move(entry), changes);
  };
  store::Store::Visitor visitor = visit;
  store::Outcome<int64_t> loaded = co_await parts_.store.load(visitor);
  if (!loaded) co_return fail(loaded.error().message);
  auto compare = [&](size_t part) {
    keys_.for_each_in(part, [&](std::string_view key) {
      if (keys.find(key) == nullptr) take_erased(key, changes);
    });
  };
  async::Task<void> comparing = in_turns(keys_.size(), compare);
  co_await comparing;
  bool first = revision_ == 0;
  revision_ = *loaded;
  for (const store::ChangeSet& set : meanwhile_) {
    if (set.revision > revision_) take(keys, set, changes);
  }
  AppliedKeys before = std::exchange(keys_, std::move(keys));
  apply(std::move(changes));
  if (first) {
    int64_t deadline_us = parts_.loop.now_us() + kSecretPatienceUs;
    co_await wait_for([this](auto done) { when_secrets_settled(std::move(done)); }, deadline_us);
  }
  if (first && parts_.versions.newest() == nullptr) publish(builder_.snapshot());
  meanwhile_ = {};
  reading_all_ = false;
  watch_ = parts_.store.watch(revision_, *this);
  auto free = [&](size_t part) { before.free_in(part); };
  async::Task<void> freeing = in_turns(before.size(), free);
  co_await freeing;
  co_return Result<void>{};
}

// Each part of the keys; when they are many, with turns of the loop between them.
async::Task<void> Configuration::in_turns(size_t keys, std::function<void(size_t part)> work) {
  net::Waker pause(parts_.loop);
  for (size_t part = 0; part < AppliedKeys::kParts; ++part) {
    work(part);
    if (keys > kManyKeys) co_await pause.wait(parts_.loop.now_us());
  }
}

void Configuration::on_changes(const store::ChangeSet& set) {
  if (reading_all_) {
    meanwhile_.push_back(set);
    // Enough to keep: the watch that load() begins goes on from here, if it has not begun yet.
    if (meanwhile_.size() == kMostMeanwhile) {
      parts_.loop.post([this] {
        if (reading_all_) watch_.reset();
      });
    }
  }
  Changes changes;
  take(keys_, set, changes);
  apply(std::move(changes));
}

void Configuration::on_gap(std::string_view why) {
  observe::log(observe::Level::warn, "the configuration is read anew: {}", why);
  // A store may be read but not watched, as one that is damaged in part: no reason to spin.
  int64_t now_us = parts_.loop.now_us();
  bool again = gap_us_ != 0 && now_us - gap_us_ < kReloadPauseUs;
  not_before_us_ = again ? now_us + kReloadPauseUs / 2 : 0;
  gap_us_ = now_us;
  start_reload();
}

void Configuration::recompile() {
  builder_.catalogue_changed();
  compile_all_ = true;
  start_reload();
}

void Configuration::start_reload() {
  reload_again_ = reloading_;
  if (std::exchange(reloading_, true)) return;
  reload_ = reload();
  reload_.start(&Configuration::reloaded, this);
}

void Configuration::reloaded(void* self) {
  auto& configuration = *static_cast<Configuration*>(self);
  configuration.reloading_ = false;
  if (!std::exchange(configuration.reload_again_, false)) return;
  configuration.parts_.loop.post([&configuration] { configuration.start_reload(); });
}

async::Task<void> Configuration::reload() {
  net::Waker pause(parts_.loop);
  if (parts_.loop.now_us() < not_before_us_) co_await pause.wait(not_before_us_);
  for (;;) {
    Result<void> loaded = co_await load();
    if (loaded) co_return;
    observe::log(observe::Level::error, "the configuration could not be read: {}",
                 loaded.error().message);
    co_await pause.wait(parts_.loop.now_us() + kReloadPauseUs);
  }
}

// "/apisix/routes/1" -> routes, "1".
std::optional<Configuration::Name> Configuration::name_of(std::string_view key) const {
  if (!key.starts_with(prefix_)) return std::nullopt;
  std::string_view rest = key.substr(prefix_.size());
  size_t slash = rest.find('/');
  if (slash == std::string_view::npos || slash + 1 == rest.size()) return std::nullopt;
  const config::ResourceType* type = config::find_resource_type(rest.substr(0, slash));
  if (type == nullptr) return std::nullopt;
  Name name{type->kind, std::string(rest.substr(slash + 1))};
  bool is_credential = name.kind == config::Kind::consumer && name.id.find('/') != name.id.npos;
  if (is_credential) name.kind = config::Kind::credential;
  return name;
}

void Configuration::take(AppliedKeys& keys, const store::ChangeSet& set, Changes& changes) {
  for (const store::Change& from : set.changes) {
    if (from.erased) {
      keys.erase(from.entry.key, set.revision);
      take_erased(from.entry.key, changes);
    } else {
      take(keys, from.entry, changes);
    }
  }
  revision_ = set.revision;
}

// Keys that hold no resource change nothing. A value that is empty is told as a blank, which is no
// JSON either and does not mean that it is erased.
void Configuration::take(AppliedKeys& keys, store::Entry entry, Changes& changes) const {
  std::optional<Name> name = name_of(entry.key);
  AppliedKeys::Held held{.mod_revision = entry.mod_revision,
                         .create_revision = entry.create_revision};
  if (name) {
    held.kind = name->kind;
    held.listed = is_listed(*name);
  }
  keys.put(entry.key, entry.value, held);
  if (!name) return;
  if (entry.value.empty()) entry.value.assign(1, ' ');
  changes.push_back(
      {name->kind, std::move(name->id), std::move(entry.value), entry.create_revision});
}

void Configuration::take_erased(std::string_view key, Changes& changes) const {
  if (auto name = name_of(key)) changes.push_back({name->kind, std::move(name->id), {}, 0});
}

// ---- to the workers

void Configuration::apply(Changes changes) {
  for (const snapshot::Change& change : changes) {
    if (change.kind != config::Kind::secret) continue;
    secrets_.set_manager(change.id, Json::parse(change.value).value_or(Json()));
  }
  publish(builder_.apply(std::move(changes)));
}

void Configuration::publish(std::unique_ptr<const snapshot::Snapshot> snapshot) {
  if (snapshot == nullptr) return;
  parts_.versions.publish(std::move(snapshot));
  published_();
}

// Names and secrets that a change has brought in are known, or known not to be found; then all
// workers serve it. What the store has committed is in the newest snapshot already: its watch runs
// before its answer.
async::Task<void> Configuration::applied(int64_t) {
  int64_t deadline_us = parts_.loop.now_us() + kAppliedPatienceUs;
  bool settled =
      co_await wait_for([this](auto done) { names_.when_settled(std::move(done)); }, deadline_us);
  if (settled) {
    settled = co_await wait_for([this](auto done) { when_secrets_settled(std::move(done)); },
                                deadline_us);
  }
  if (!settled) co_return;
  co_await wait_for([this](auto done) { parts_.versions.when_served(std::move(done)); },
                    deadline_us);
}

// False: it has not come to its end by the deadline. The function may be called after that, too.
async::Task<bool> Configuration::wait_for(Begin begin, int64_t deadline_us) {
  net::Waker waker(parts_.loop);
  struct Shared {
    net::Waker* waker;
    bool done = false;
  };
  auto shared = std::make_shared<Shared>(Shared{&waker});
  struct Detach {
    std::shared_ptr<Shared> shared;
    ~Detach() { shared->waker = nullptr; }
  } detach{shared};
  begin([shared] {
    shared->done = true;
    if (shared->waker != nullptr && shared->waker->waiting()) shared->waker->wake();
  });
  while (!shared->done) {
    net::Wake woken = co_await waker.wait(deadline_us);
    if (woken == net::Wake::timeout) co_return false;
  }
  co_return true;
}

// ---- secrets

// All are known, and whoever refers to them has been compiled with them.
void Configuration::when_secrets_settled(std::function<void()> done) {
  if (reading_again_) {
    secret_waits_.push_back(std::move(done));
    return;
  }
  if (secrets_.settled()) return done();
  secrets_.when_settled(
      [this, done = std::move(done)]() mutable { when_secrets_settled(std::move(done)); });
}

void Configuration::on_secrets_changed(const std::vector<SecretUser>& users) {
  to_read_again_.insert(users.begin(), users.end());
  if (std::exchange(reading_again_, true)) return;
  again_ = read_again();
  again_.start(&Configuration::read_again_done, this);
}

async::Task<void> Configuration::read_again() {
  net::Waker pause(parts_.loop);
  while (!to_read_again_.empty()) {
    SecretUser user = *to_read_again_.begin();
    bool of_consumer = user.kind == config::Kind::credential;
    config::Kind kind = of_consumer ? config::Kind::consumer : user.kind;
    std::string key = builder_.key_of(kind, user.id);
    store::Outcome<std::optional<store::Entry>> entry = co_await parts_.store.get(key);
    if (!entry) {
      co_await pause.wait(parts_.loop.now_us() + kReloadPauseUs);
      continue;
    }
    to_read_again_.erase(user);
    if (!*entry) {
      secrets_.forget(user);
      continue;
    }
    // The watch may have told more than this answer knows, or is about to tell what it does know.
    const AppliedKeys::Held* held = keys_.find(key);
    if (held == nullptr || held->mod_revision != (*entry)->mod_revision) continue;
    apply({{user.kind, user.id, std::move((*entry)->value), (*entry)->create_revision}});
  }
}

void Configuration::read_again_done(void* self) {
  auto& configuration = *static_cast<Configuration*>(self);
  configuration.parts_.loop.post([&configuration] {
    configuration.reading_again_ = false;
    if (!configuration.to_read_again_.empty()) return configuration.on_secrets_changed({});
    for (auto& done : std::exchange(configuration.secret_waits_, {})) done();
  });
}

size_t Configuration::listed(config::Kind kind) const { return keys_.listed(kind); }

std::vector<admin::Listed> Configuration::listed(config::Kind kind, size_t from, size_t end) const {
  std::vector<admin::Listed> found;
  keys_.for_each_listed(kind, from, end, [&](std::string_view key, int64_t create_revision) {
    found.push_back({std::string(key), create_revision});
  });
  return found;
}

std::optional<admin::KeyOwner> Configuration::key_owner(std::string_view plugin,
                                                        std::string_view key) const {
  const config::Credential* found = builder_.current().credentials.find(plugin, key);
  if (found == nullptr) return std::nullopt;
  return admin::KeyOwner{found->consumer->name, found->id};
}

}  // namespace pylon::gateway

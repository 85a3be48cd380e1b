#include "store/watch_list.h"

#include <utility>

namespace pylon::store {
namespace {

// The owner's end of a watch.
class OwnedWatch final : public Watch {
 public:
  explicit OwnedWatch(WatchList::Handle member) : member_(std::move(member)) {}
  ~OwnedWatch() override { member_->listener = nullptr; }

 private:
  WatchList::Handle member_;
};

void tell(WatchList::Member& member, const ChangeSet& changes) {
  if (member.listener == nullptr || changes.revision <= member.seen_revision) return;
  member.seen_revision = changes.revision;
  member.listener->on_changes(changes);
}

}  // namespace

WatchList::Added WatchList::add(int64_t after_revision, WatchListener& listener) {
  auto member = std::make_shared<Member>(Member{&listener, after_revision});
  std::erase_if(members_, [](const auto& known) { return known.expired(); });
  members_.push_back(member);
  return {std::make_unique<OwnedWatch>(member), member};
}

void WatchList::catch_up(const Handle& member, const Outcome<std::vector<ChangeSet>>& past) {
  if (member->listener == nullptr) return;
  if (!past) {
    std::exchange(member->listener, nullptr)->on_gap(past.error().message);
    return;
  }
  for (const ChangeSet& changes : *past) tell(*member, changes);
  member->caught_up = true;
}

std::vector<WatchList::Handle> WatchList::interrupt() {
  std::vector<Handle> members;
  for (const auto& known : members_) {
    Handle member = known.lock();
    if (!member || member->listener == nullptr) continue;
    member->caught_up = false;
    members.push_back(std::move(member));
  }
  return members;
}

void WatchList::deliver(const ChangeSet& changes) {
  std::vector<std::weak_ptr<Member>> members = members_;  // a listener may add or drop watches
  for (const auto& known : members) {
    Handle member = known.lock();
    if (member && member->caught_up) tell(*member, changes);
  }
}

std::optional<Failure> gap_after(int64_t revision, int64_t floor, int64_t newest) {
  std::string changes = "the changes after revision " + std::to_string(revision);
  if (revision > newest) {
    return Failure{Failure::Kind::refused, changes + " do not exist: the store is older"};
  }
  if (revision < floor) return Failure{Failure::Kind::refused, changes + " are pruned"};
  return std::nullopt;
}

}  // namespace pylon::store

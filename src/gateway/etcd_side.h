// The etcd store as the settings describe it.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/settings.h"
#include "net/loop.h"
#include "store/store.h"

namespace pylon::gateway {

// Loop and clock must outlive it. The error names the setting.
Result<std::unique_ptr<store::Store>> open_etcd_store(const Settings& settings, net::Loop& loop,
                                                      const Clock& clock);

// Whether the files that the settings of etcd name can be read.
Result<void> check_etcd_files(const Settings& settings);

// Makes the directories of APISIX ("/apisix/routes/" -> init_dir), where they are missing. Blocks.
Result<void> init_etcd(const Settings& settings);

}  // namespace pylon::gateway

// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "host/report/run_record.h"

namespace vae {

/// Where the run stands, as HTML: how far it is, how it ended, and how to go on. Of a running one
/// the element says when it gave its last sign of life and how long the page shall wait for the
/// next one before it calls the run dead. Empty where run.json does not tell.
std::string status_html(const RunRecord& run);

/// Seconds without a sign of life after which a run is called dead: some epochs of it, evaluations
/// included, and never less than a few minutes.
int64_t patience_seconds(const RunRecord& run);

}  // namespace vae

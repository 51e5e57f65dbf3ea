// SPDX-License-Identifier: MIT
//
// Everything the library offers.
#pragma once

#include "vae/require_cxx20.h"

#include "vae/array.h"
#include "vae/bench.h"
#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/device.h"
#include "vae/diagnosis.h"
#include "vae/doubts.h"
#include "vae/error.h"
#include "vae/image.h"
#include "vae/latent.h"
#include "vae/latent_map.h"
#include "vae/log.h"
#include "vae/model.h"
#include "vae/printable.h"
#include "vae/report.h"
#include "vae/trainer.h"
#include "vae/version.h"

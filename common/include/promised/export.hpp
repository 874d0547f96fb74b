// SPDX-License-Identifier: Apache-2.0
// The libraries are built with hidden symbols; what carries this mark is their interface.
#pragma once

#define PROMISED_EXPORT __attribute__((visibility("default")))

// SPDX-License-Identifier: Apache-2.0
// A test binary without tests: what is precompiled for all test binaries needs one to belong to.

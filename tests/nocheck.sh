#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Stands for the unit tests in a build without the library that they are
# written with.
echo "SKIP: tests/unit: configure did not find check >= 0.15"
exit 77

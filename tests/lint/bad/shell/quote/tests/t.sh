#!/bin/sh
# SPDX-License-Identifier: MIT
if [ $1 == yes ]; then echo $0; fi

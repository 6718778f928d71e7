#!/bin/sh
# SPDX-License-Identifier: MIT
kill -STOP "$1"; sleep 1

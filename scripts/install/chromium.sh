#!/bin/sh
# Installs Chromium from Debian's packages, for the tests of the console.
# Needs root and apt; where it cannot, it says so and exits 0: those tests then say that they skip.
set -eu

if command -v chromium >/dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "install-chromium: skipped: it needs root and apt-get"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
if ! { timeout 120 apt-get update -qq &&
  timeout 400 apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1; then
  echo "install-chromium: skipped: apt-get could not install it"
fi

#!/bin/sh
# Installs Prometheus and Alertmanager from Debian's packages, for the tests of alerts and dashboards.
# Needs root and apt; where it cannot, it says so and exits 0: those tests then say that they skip.
set -eu

if command -v promtool >/dev/null && command -v prometheus-alertmanager >/dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "install-prometheus: skipped: it needs root and apt-get"
  exit 0
fi

# The packages start their services when they are installed, unless this program says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi

export DEBIAN_FRONTEND=noninteractive
if ! { timeout 120 apt-get update -qq &&
  timeout 300 apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager; } >/dev/null 2>&1; then
  echo "install-prometheus: skipped: apt-get could not install them"
fi

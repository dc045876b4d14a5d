#!/bin/sh
# Builds the Dockerfile with buildah, runs the image against a nats-server with deploy/nats.conf, and
# checks what the Dockerfile says of itself. Needs no registry of images: the base image is made from
# the Node, npm and libraries of this machine.
#
#     sh test/docker/build-image.sh
#
# Skips, with the reason and exit code 0, where buildah or a root user is missing (or, with
# HEADGATE_TEST_NO_SKIP=1, fails).
set -eu
cd "$(dirname "$0")/../.."

skip() {
  echo "skipped: $1"
  [ "${HEADGATE_TEST_NO_SKIP:-0}" = 1 ] && exit 1
  exit 0
}
fail() {
  echo "failed: $1" >&2
  exit 1
}

command -v buildah > /dev/null || skip 'there is no buildah (Debian: apt-get install buildah)'
[ "$(id -u)" = 0 ] || skip 'buildah works without user namespaces only as root'
[ "$(uname -sm)" = 'Linux x86_64' ] || skip 'the base image is made from files of linux-x64'
node_binary=node_modules/node/bin/node
nats_binary=${HEADGATE_NATS_SERVER_BIN:-node_modules/.headgate/nats-server}
[ -x "$node_binary" ] || skip "there is no $node_binary: run npm ci"
[ -x "$nats_binary" ] || skip "there is no $nats_binary: run npm ci, or set HEADGATE_NATS_SERVER_BIN"
npm_folder=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
[ -f "$npm_folder/bin/npm-cli.js" ] || skip "npm is not a folder with bin/npm-cli.js: $npm_folder"

export STORAGE_DRIVER="${STORAGE_DRIVER:-vfs}" BUILDAH_ISOLATION="${BUILDAH_ISOLATION:-chroot}"
scratch=$(mktemp -d)
store="--root $scratch/store --runroot $scratch/run"
container=''
nats_process=''
client_process=''
release() {
  # The gate itself: its buildah, which does not pass signals on, ends with it.
  if [ -n "$client_process" ] && [ -s "$scratch/data/pid" ]; then
    kill -KILL "$(cat "$scratch/data/pid")" 2> /dev/null || true
    wait "$client_process" 2> /dev/null || true
  fi
  [ -z "$nats_process" ] || kill "$nats_process" 2> /dev/null || true
  [ -z "$container" ] || buildah $store rm "$container" > /dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap release EXIT
trap 'exit 1' INT TERM

echo '== base image'
base=$scratch/base
mkdir -p "$base/usr/local/bin" "$base/usr/local/lib/node_modules" "$base/usr/bin" "$base/bin" \
  "$base/etc/ssl" "$base/tmp" "$base/root"
chmod 1777 "$base/tmp"
cp "$node_binary" "$base/usr/local/bin/node"
cp -rL "$npm_folder" "$base/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$base/usr/local/bin/npm"
cp -L /bin/sh "$base/bin/sh"
cp -L /usr/bin/env /usr/bin/mkdir "$base/usr/bin/"
for program in "$node_binary" /bin/sh /usr/bin/env /usr/bin/mkdir; do
  ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$base$(dirname "$library")"
    cp -L "$library" "$base$library"
  done
done
printf 'root:x:0:0:root:/root:/bin/sh\n' > "$base/etc/passwd"
printf 'hosts: files dns\n' > "$base/etc/nsswitch.conf"
[ ! -d /etc/ssl/certs ] || cp -rL /etc/ssl/certs "$base/etc/ssl/certs" 2> /dev/null || true
printf 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin:/usr/bin:/bin\n' > "$scratch/Dockerfile.base"
# A machine behind a proxy with a certificate of its own names it so.
if [ -f "${NODE_EXTRA_CA_CERTS:-}" ]; then
  cp -L "$NODE_EXTRA_CA_CERTS" "$base/etc/ssl/extra.pem"
  printf 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/extra.pem\n' >> "$scratch/Dockerfile.base"
fi
buildah $store build --quiet -t headgate-base -f "$scratch/Dockerfile.base" "$base" > /dev/null

echo '== image'
buildah $store build --quiet --format docker -t headgate \
  --build-arg BUILD_IMAGE=localhost/headgate-base \
  --build-arg RUNTIME_IMAGE=localhost/headgate-base \
  --build-arg NPM_CONFIG_REGISTRY="$(npm config get registry 2> /dev/null)" \
  . > /dev/null || fail 'the Dockerfile does not build'
buildah $store inspect --type image headgate > "$scratch/inspected.json"
grep -q '"User": "65532:65532"' "$scratch/inspected.json" || fail 'the image does not name a numeric user'
grep -q '"Healthcheck"' "$scratch/inspected.json" || fail 'the image has no health check'
container=$(buildah $store from headgate)
root=$(buildah $store mount "$container")
[ ! -e "$root/app/node_modules/vitest" ] || fail 'a dev dependency is in the image'
[ ! -e "$root/app/node_modules/@eplightning" ] || fail 'nats-server is in the image'
[ ! -e "$root/app/schemas" ] || fail 'contracts are in the image'
[ ! -e "$root/app/src" ] || fail 'the source is in the image'
[ -z "$(find "$root/app" -path '*/node_modules' -prune -o -name '*.test.ts' -print)" ] || fail 'tests are in the image'
[ "$(stat -c %u "$root/data")" = 65532 ] || fail '/data is not its user’s'
echo "   $(du -sm "$root/app" | cut -f1) MB above the base image"

echo '== run'
# Four ports from here on; the first must be free.
port=${HEADGATE_TEST_PORT:-18480}
if "$node_binary" -e "require('node:net').connect($port, '127.0.0.1').on('connect', () => process.exit(0)).on('error', () => process.exit(1))"; then
  fail "port $port is in use: name another in HEADGATE_TEST_PORT"
fi
admin_port=$((port + 1))
nats_port=$((port + 2))
mkdir "$scratch/data" "$scratch/nats"
chown 65532:65532 "$scratch/data"
key=hg_test_key
hash="sha256:$(printf %s "$key" | sha256sum | cut -d' ' -f1)"
printf 'auth: keys\nkeys: [{ source: checkout, hash: "%s" }]\n' "$hash" > "$scratch/headgate.yaml"
chmod 644 "$scratch/headgate.yaml"
# Its folder and ports are not to be had here; everything else is as it stands.
sed -e "s|store_dir: /data|store_dir: $scratch/nats|" -e "s|0.0.0.0:4222|127.0.0.1:$nats_port|" \
  -e "s|127.0.0.1:8222|127.0.0.1:$((port + 3))|" deploy/nats.conf > "$scratch/nats.conf"
NATS_PASSWORD=of-the-test "$nats_binary" -c "$scratch/nats.conf" > "$scratch/nats.log" 2>&1 &
nats_process=$!

run() {
  buildah $store run --user 65532:65532 --volume "$scratch/data:/data" \
    --volume "$scratch/headgate.yaml:/app/headgate.yaml:ro" \
    --volume "$PWD/schemas:/app/schemas:ro" "$@"
}
start() {
  run --env HEADGATE_LISTEN=127.0.0.1:$port --env HEADGATE_ADMIN_LISTEN=127.0.0.1:$admin_port \
    --env HEADGATE_NATS_URL=nats://headgate:of-the-test@127.0.0.1:$nats_port \
    --env HEADGATE_DURABILITY=async --env HEADGATE_LOG_STORAGE_BYTES_MAX=1GiB "$container" \
    -- sh -c 'echo $$ > /data/pid; exec node bin/headgate.js serve'
}
# Waits until an address answers 200, as long as half a minute.
await_ok() {
  tries=0
  until "$node_binary" -e "fetch('http://127.0.0.1:$1').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { cat "$scratch/out" "$scratch/nats.log" >&2; fail "$1 does not answer"; }
    sleep 0.5
  done
}
: > "$scratch/out"
await_ok $((port + 3))/healthz
start > "$scratch/out" 2>&1 &
client_process=$!
await_ok "$admin_port/readyz"
started=$scratch/started
touch "$started"
answer=$("$node_binary" -e "
fetch('http://127.0.0.1:$port/v1/track', { method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer $key' },
  body: JSON.stringify({ event_name: 'order_completed', user_id: 'u-1',
    idempotency_key: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
    properties: { order_id: 'A-1001', total: 49.9, currency: 'EUR' } }) })
  .then(async (a) => console.log(a.status, await a.text()))")
case $answer in 202*) ;; *) fail "an event was answered $answer" ;; esac
rows=0
tries=0
while [ "$rows" != 1 ] && [ "$tries" -lt 20 ]; do
  sleep 0.5
  tries=$((tries + 1))
  rows=$("$node_binary" -e "
    const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync('$scratch/data/warehouse.db', { readOnly: true });
    console.log(database.prepare('select count(*) as n from events').get().n)" 2> /dev/null || true)
done
[ "$rows" = 1 ] || { tail -n 5 "$scratch/out" >&2; fail "the warehouse has $rows rows, not the one event"; }

# The health check as the image has it.
check=$("$node_binary" -p "
  const { config } = JSON.parse(fs.readFileSync('$scratch/inspected.json', 'utf8')).Docker;
  config.Healthcheck.Test[3]")
run --env HEADGATE_ADMIN_LISTEN=127.0.0.1:$admin_port "$container" -- node -e "$check" ||
  fail 'the health check fails on a healthy gate'
run --env HEADGATE_ADMIN_LISTEN=127.0.0.1:1 "$container" -- node -e "$check" &&
  fail 'the health check succeeds without a gate'

process=$(cat "$scratch/data/pid")
[ "$(stat -c %u "/proc/$process")" = 65532 ] || fail 'it does not run as its user'
written=$(find "$root" -xdev -type f -newer "$started" | head -5)
[ -z "$written" ] || fail "it wrote outside of /data: $written"

echo '== stop'
kill -TERM "$process"
status=0
wait "$client_process" || status=$?
client_process=''
grep -q 'SIGTERM: draining' "$scratch/out" || fail 'SIGTERM did not reach it'
[ "$status" = 0 ] || { cat "$scratch/out" >&2; fail "it ended with $status after SIGTERM"; }

echo '== refuses to start without keys and a token'
rm "$scratch/headgate.yaml" && : > "$scratch/headgate.yaml" && chmod 644 "$scratch/headgate.yaml"
status=0
run --env HEADGATE_NATS_URL=nats://127.0.0.1:$nats_port "$container" \
  -- node bin/headgate.js serve > "$scratch/out" 2>&1 || status=$?
[ "$status" = 1 ] || fail "without keys it ended with $status"
grep -q 'auth is off' "$scratch/out" || { cat "$scratch/out" >&2; fail 'it does not name the missing keys'; }
grep -q 'HEADGATE_ADMIN_TOKEN' "$scratch/out" || fail 'it does not name the missing token'
echo 'ok'

#!/bin/sh
# Backs up the streams of Headgate on a NATS of your own while everything runs, or restores them:
#
#   sh deploy/backup/nats-streams.sh backup FOLDER
#   sh deploy/backup/nats-streams.sh restore FOLDER
#
# It uses the nats CLI: choose server and user with its context, or with NATS_URL, NATS_USER and NATS_PASSWORD.
# Restore into a NATS without these streams, before any process of Headgate starts on it.
set -eu

# An event moves from the left to the right. So one that moves during the backup is in it twice, which its
# event_id shows, rather than not at all. LEDGER says which events were deleted on purpose and how many there
# were: taken after the events, it would report the newest ones as lost.
# PROBE and CLAIMS are left out: they hold locks and probes of running processes.
# PARTITIONS stands for the streams of events, such as EVENTS_0.
streams="REJECTED LEDGER EVENTS PARTITIONS ASIDE RETRY DEAD REPLAY FILTERED ATTEMPTS ADVISORIES
  KV_headgate_schemas KV_headgate_keys KV_headgate_limits KV_headgate_counts AUDIT"

if [ $# -ne 2 ]; then
  echo "usage: $0 backup|restore FOLDER" >&2
  exit 2
fi

case $1 in
  backup)
    mkdir "$2"
    chmod 700 "$2"
    existing=$(nats stream ls --all --names)
    # If their number is changed now, the ledger does not know the newest: a restored gate closes these and keeps their events.
    partitions=$(echo "$existing" | grep -x 'EVENTS_[0-9]*' | tr '\n' ' ')
    for stream in $(echo "$streams" | sed "s/PARTITIONS/$partitions/"); do
      # EVENTS is there after an upgrade only, KV_headgate_schemas with schemas.source: registry.
      if echo "$existing" | grep -qx "$stream"; then
        nats stream backup "$stream" "$2/$stream" --no-progress
      fi
    done
    # Without it, the backup was cut short.
    touch "$2/complete"
    ;;
  restore)
    if [ ! -e "$2/complete" ]; then
      echo "$2 is not a complete backup" >&2
      exit 1
    fi
    for stream in "$2"/*/; do
      nats stream restore "${stream%/}" --no-progress
    done
    ;;
  *)
    echo "usage: $0 backup|restore FOLDER" >&2
    exit 2
    ;;
esac

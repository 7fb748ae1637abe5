#!/bin/sh
# Before mosquitto starts: puts a persistence file aside that it would not start with. A disk that was full can leave one.
#
# check-persistence.sh [FOLDER]   the persistence_location; /var/lib/mosquitto unless given
#
# Ends with 0 whatever it finds: nothing that goes wrong here may keep the broker from starting.
folder=${1:-/var/lib/mosquitto}
file=$folder/mosquitto.db
seconds=30

# Whether a mosquitto starts with the file in $work/$1: one of its own, which nobody can reach.
starts_with() {
  printf 'listener 0 %s/socket\nallow_anonymous false\npersistence true\npersistence_location %s/\n' \
    "$work/$1" "$work/$1" >"$work/$1.conf"
  : >"$work/$1.log"
  mosquitto -c "$work/$1.conf" >"$work/$1.log" 2>&1 &
  trial=$!
  tenths=$((seconds * 10))
  while [ "$tenths" -gt 0 ] && ! grep -q ' running$' "$work/$1.log"; do
    kill -0 "$trial" 2>/dev/null || return 1
    sleep 0.1
    tenths=$((tenths - 1))
  done
  # KILL, so that it writes nothing. One that is still reading after so long can read it.
  kill -KILL "$trial" 2>/dev/null
  wait "$trial" 2>/dev/null
  return 0
}

[ -s "$file" ] || exit 0
PATH=$PATH:/usr/sbin:/usr/local/sbin
work=$(mktemp -d) || exit 0
trap 'rm -rf "$work"' EXIT
mkdir "$work/empty" "$work/copy" && cp "$file" "$work/copy/mosquitto.db" || exit 0
# As root mosquitto becomes another user, who writes in these two folders. What root itself reads stays root's.
chmod 755 "$work"
chown -R "$(stat -c %u:%g "$file")" "$work/empty" "$work/copy" 2>/dev/null
starts_with empty || exit 0
starts_with copy && exit 0
aside=$file.broken-$(date +%s)
mv "$file" "$aside" && echo "mosquitto would not start with $file: it is kept as $aside, and the broker begins anew" >&2
exit 0

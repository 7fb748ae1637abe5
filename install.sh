#!/usr/bin/env bash
# Installs, upgrades and removes dragonsink. It is part of the bundle and needs nothing but what is in there.
# shellcheck disable=SC2317 # functions are called through `change` and the trap
set -Eeuo pipefail

usage() {
  cat <<'TEXT'
usage: sudo ./install.sh [options]

Installs dragonsink on a kit, beside DragonSync. Run again, it upgrades. It needs no network and no compiler.

  --server         install the server instead: beside the broker and the database
  --config FILE    the configuration to begin with (config.ini; with --server the environment file)
  --enrol FILE     the file that `dragonsink enrol` made on the server for this kit (with --server: for a server)
  --dry-run        say every change, make none
  --uninstall      remove the program and its services; the spool and the configuration stay
  --purge          with --uninstall: remove those too, and the user
  --root DIR       install into a system that lies in DIR and is not running
  --help           this text
TEXT
}

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
invoked="$0 $*"
role=kit
action=install
config_file=
enrol_file=
dry_run=no
purge=no
prefix=
user=dragonsink
timer=dragonsink-renew.timer

staged=no       # the new program lies beside the old one
swapped=no      # it has taken its place
renewed=no      # something changed that a running service has to be started again for
doing=
found=          # where DragonSync is, for people
ds_config=
ds_port=8088
draft=          # the configuration to be, for a machine that has none
declare -a made=() notes=() was_active=() stopped=() copies=() filled=()

say() { printf '%s\n' "$*"; }
note() { notes+=("$*"); }

# Ends the run: what is wrong, what was changed, how to go on.
die() {
  trap - ERR INT TERM
  set +e
  [[ $staged == yes && $swapped == no ]] && rm -rf "$opt.new"
  start_stopped
  {
    say "install.sh: $1"
    if ((${#made[@]} == 0)); then
      say 'what was changed: nothing'
    else
      say 'what was changed:'
      printf '  - %s\n' "${made[@]}"
    fi
    say "what to do: $2"
  } >&2
  exit 1
}

# A kit that stands still hears nothing: what ran before a run that failed runs again.
start_stopped() {
  local one
  for one in "${stopped[@]}"; do
    systemctl start "$one" 2>/dev/null && made+=("start $one again")
  done
  stopped=()
}

unexpected() {
  die "this failed: ${doing:-$2} (line $1)" "see the message above; when that is mended, run it again: $invoked"
}

# Every change goes through here: it is said, made unless --dry-run, and remembered for whoever reads of a failure.
change() {
  doing=$1
  shift
  if [[ $dry_run == yes ]]; then
    say "would $doing"
    return
  fi
  say "- $doing"
  "$@"
  made+=("$doing")
  doing=
}

parse() {
  while (($# > 0)); do
    case $1 in
      --server) role=server ;;
      --config | --enrol | --root)
        (($# > 1)) || wrong "$1 needs a value"
        case $1 in
          --config) config_file=$(readlink -m "$2") ;;
          --enrol) enrol_file=$(readlink -m "$2") ;;
          --root) prefix=$(readlink -m "$2") ;;
        esac
        shift
        ;;
      --dry-run) dry_run=yes ;;
      --uninstall) action=uninstall ;;
      --purge) purge=yes ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) wrong "there is no option $1" ;;
    esac
    shift
  done
  [[ $purge == no || $action == uninstall ]] || wrong '--purge goes with --uninstall'
  [[ $prefix != / ]] || prefix=
  opt=$prefix/opt/dragonsink
  etc=$prefix/etc/dragonsink
  state=$prefix/var/lib/dragonsink
  units=$prefix/etc/systemd/system
  command=$prefix/usr/local/bin/dragonsink
  completion=$prefix/usr/local/share/bash-completion/completions/dragonsink
  service=dragonsink-$role.service
  if [[ $role == kit ]]; then config=$etc/config.ini; else config=$etc/server.env; fi
  template=config/$(basename "$config")
  program=$opt
}

wrong() {
  say "install.sh: $1" >&2
  usage >&2
  exit 2
}

# --- what the machine is -----------------------------------------------------------------------------------------------

check_machine() {
  [[ $(uname -s) == Linux ]] || die 'this is not Linux' 'install it on the kit or the server itself'
  if ((EUID != 0)) && [[ $dry_run == no ]]; then die 'this needs root' "run it again with sudo: sudo $invoked"; fi
  if [[ -n $prefix ]]; then
    [[ -d $prefix/etc ]] || die "there is no system in $prefix" 'name the folder that holds its etc/ and usr/'
  elif [[ ! -d /run/systemd/system ]]; then
    die 'systemd is not running here' \
      'on a machine without systemd start bin/dragonsink of this folder yourself; for an image that is not running: --root DIR'
  fi
}

# Of the machine, or of the kernel that runs an image in --root.
machine() {
  case $(uname -m) in
    x86_64) say x64 ;;
    aarch64 | arm64) say arm64 ;;
    *) uname -m ;;
  esac
}

check_bundle() {
  [[ -f $here/SHA256SUMS && -f $here/ARCH ]] ||
    die "$here is not a bundle" 'unpack dragonsink-VERSION-linux-ARCH.tar.gz and run the install.sh in it (made by: npm run bundle)'
  local arch
  arch=$(<"$here/ARCH")
  [[ $arch == "$(machine)" ]] || die "this bundle is for $arch, and this machine is $(machine)" \
    "take the bundle that ends in linux-$(machine).tar.gz"
  (cd "$here" && sha256sum --check --strict --quiet SHA256SUMS >&2) ||
    die 'the bundle is damaged: the files above are not what was packed' \
      'unpack it again, and compare the archive with its .sha256 file first: sha256sum --check FILE.sha256'
  version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$here/package.json")
}

check_files() {
  local file
  for file in "$config_file" "$enrol_file"; do
    [[ -z $file || -f $file ]] || die "there is no file $file" 'name the right one, and run it again'
    [[ -z $file || -r $file ]] || die "$file can't be read" "run it again with sudo: sudo $invoked"
  done
}

nearest_folder() {
  local folder=$1
  while [[ ! -d $folder ]]; do folder=$(dirname "$folder"); done
  say "$folder"
}

check_space() {
  local need have where
  where=$(nearest_folder "$opt")
  need=$(($(du -sk "$here" | cut -f1) + 10240))
  have=$(df -Pk "$where" | awk 'NR == 2 { print $4 }')
  ((have >= need)) || die "the disk of $where is full: $((need / 1024)) MB are needed, $((have / 1024)) MB are free" \
    'make room there, and run it again'
}

# True when something on this machine listens on the TCP port.
is_taken() {
  local port
  port=$(printf '%04X' "$1")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port=":$port" '
    $4 == "0A" && substr($2, length($2) - 4) == port { taken = 1 }
    END { exit !taken }'
}

free_port() {
  local port=$1
  while is_taken "$port"; do port=$((port + 1)); done
  say "$port"
}

# The value of a key of an ini file's section; nothing when it is not there.
ini_value() {
  ini_section "$1" "$2" | awk -F '\t' -v key="$3" '$1 == key { value = $2 } END { if (value != "") print value }'
}

# `key TAB value` for each line of the section.
ini_section() {
  awk -v wanted="[$2]" '
    { sub(/\r$/, "") }
    /^[ \t]*\[/ { gsub(/^[ \t]+|[ \t]+$/, ""); inside = ($0 == wanted); next }
    inside && /^[ \t]*[A-Za-z0-9_]+[ \t]*[=:]/ {
      key = $0; sub(/[ \t]*[=:].*/, "", key); sub(/^[ \t]+/, "", key)
      value = $0; sub(/^[^=:]*[=:][ \t]*/, "", value); sub(/[ \t]+$/, "", value)
      print tolower(key) "\t" value
    }' "$1"
}

# Sets a key that the file has, commented out or not: set_key FILE SECTION KEY VALUE. An environment file has no section.
set_key() {
  local next
  next=$(mktemp "$1.XXXXXX")
  key=$3 value=$4 awk -v wanted="$2" '
    BEGIN { inside = (wanted == ""); equals = wanted == "" ? "=" : " = " }
    wanted != "" && /^\[/ { inside = ($0 == "[" wanted "]") }
    inside && !done && match($0, "^#?" ENVIRON["key"] " ?=") { print ENVIRON["key"] equals ENVIRON["value"]; done = 1; next }
    { print }
    END { exit !done }' "$1" >"$next" || {
    rm -f "$next"
    return 1
  }
  cat "$next" >"$1"
  rm -f "$next"
}

# --- DragonSync --------------------------------------------------------------------------------------------------------

find_dragonsync() {
  local unit folder='' name
  for unit in "$prefix"/{etc,usr/lib,lib}/systemd/system/dragonsync.service; do
    [[ -r $unit ]] || continue
    folder=$(sed -n 's/^WorkingDirectory=//p' "$unit" | tail -n 1)
    [[ -n $folder ]] || folder=$(sed -n 's|^ExecStart=.* \(/[^ ]*\)/dragonsync\.py.*|\1|p' "$unit" | tail -n 1)
    name=$(sed -n 's/^ExecStart=.*dragonsync\.py.* \(-c\|--config\)[ =]\([^ ]*\).*/\2/p' "$unit" | tail -n 1)
    found="its service in $folder"
    break
  done
  if [[ -z $folder ]]; then
    for folder in "${WARDRAGON_DRAGONSYNC_DIR:-}" /home/dragon/WarDragon/DragonSync "$prefix"/home/*/{WarDragon/,}DragonSync \
      /opt/DragonSync; do
      folder=${folder#"$prefix"}
      [[ -n $folder && -f $prefix$folder/dragonsync.py ]] && break
      folder=
    done
    [[ -z $folder ]] || found="its checkout in $folder"
  fi
  if [[ -n $folder ]]; then
    name=${name:-config.ini}
    [[ $name == /* ]] && ds_config=$prefix$name || ds_config=$prefix$folder/$name
    [[ -r $ds_config ]] || ds_config=
  fi
  local named
  named=$([[ -z $ds_config ]] || ini_value "$ds_config" SETTINGS api_port)
  if [[ $named =~ ^([0-9]+)([[:space:]]*[#\;].*)?$ ]]; then ds_port=${BASH_REMATCH[1]}; fi
  if [[ -z $found ]] && is_taken "$ds_port"; then found="an API on port $ds_port"; fi
  if [[ -z $found ]]; then
    note "DragonSync was not found here; dragonsink waits for its API at http://127.0.0.1:$ds_port ([DRAGONSYNC] api_url)"
    return
  fi
  say "found DragonSync: $found, API port $ds_port"
  [[ -n $ds_config ]] || return 0
  if [[ $(ini_value "$ds_config" SETTINGS api_enabled) =~ ^(false|no|0|off)$ ]]; then
    note "DragonSync's API is switched off: set api_enabled = true in ${ds_config#"$prefix"}, and restart DragonSync"
  fi
  if [[ $(ini_value "$ds_config" SETTINGS mqtt_enabled) =~ ^(true|yes|1|on)$ ]]; then
    note "DragonSync publishes over MQTT too: mqtt_enabled = false in ${ds_config#"$prefix"} [SETTINGS] spares you every message twice"
  fi
}

# The [MQTT] section that the guide tells people to write into DragonSync's config.ini, where nothing reads it. Files that
# it names are copied: the service can't look into home folders.
take_over() {
  local key value file
  [[ -n $ds_config ]] || return 0
  while IFS=$'\t' read -r key value; do
    [[ -n $value ]] || continue
    case $key in
      mqtt_ca_cert | mqtt_ca_file | mqtt_certfile | mqtt_keyfile | mqtt_password_file)
        [[ $key == mqtt_ca_cert ]] && key=mqtt_ca_file
        file=$value
        [[ $file == /* ]] || file=$(dirname "${ds_config#"$prefix"}")/$file
        if [[ -f $prefix$file ]]; then
          copies+=("$prefix$file")
          value=/etc/dragonsink/$(basename "$file")
        fi
        ;;
    esac
    if set_key "$draft" MQTT "$key" "$value"; then
      filled+=("$key")
    else
      note "$key in [MQTT] of ${ds_config#"$prefix"} is no setting of dragonsink, and was left out"
    fi
  done < <(ini_section "$ds_config" MQTT)
}

# --- the program -------------------------------------------------------------------------------------------------------

# A run that was cut off left the new program beside the old one, or died between the two renames.
mend() {
  if [[ -e $opt.old && ! -e $opt ]]; then
    change 'put back the program of before an upgrade that was cut off' mv -T "$opt.old" "$opt"
  fi
  local left
  for left in "$opt.new" "$opt.old"; do
    [[ ! -e $left ]] || change "remove $left, left by a run that was cut off" rm -rf "$left"
  done
}

is_current() {
  [[ $here == "$opt" ]] || {
    cmp -s "$here/SHA256SUMS" "$opt/SHA256SUMS" &&
      (cd "$opt" && sha256sum --check --strict --status SHA256SUMS 2>/dev/null)
  }
}

copy_program() {
  # Where /opt is, and not from a stick that may be mounted without the right to run anything.
  mkdir -p "$(dirname "$opt")"
  staged=yes
  cp -R "$here" "$opt.new"
  chown -R 0:0 "$opt.new"
  chmod -R u=rwX,go=rX "$opt.new"
}

stage() {
  if is_current; then
    say "dragonsink $version is there already"
    return
  fi
  renewed=yes
  program=$opt.new
  if [[ $dry_run == yes ]]; then
    say "would copy dragonsink $version to $opt"
    program=$here
  else
    say "- copy dragonsink $version beside $opt"
    doing="copying the program to $opt.new"
    copy_program
    doing=
  fi
  local answer
  answer=$("$program/bin/dragonsink" --version 2>&1) || true
  [[ $answer == "$version" ]] ||
    die "the program does not run on this machine: $answer" 'it needs a system with glibc 2.28 or newer (Debian 10, Ubuntu 20.04)'
  answer=$("$program/bin/node" -e "new (require('$program/node_modules/better-sqlite3'))(':memory:').close()" 2>&1) ||
    die "the database module does not run on this machine: $answer" 'it needs glibc 2.35 or newer (Debian 12, Ubuntu 22.04)'
}

# An older program than the one that wrote the spool must not take its place. As its user: root would leave files of its own.
check_spool() {
  [[ $role == kit && -f $config && -n $uid && $dry_run == no ]] || return 0
  local path answer only_spool
  path=$prefix$(ini_value "$config" SPOOL path)
  [[ $path != "$prefix" ]] || path=$state/spool.db
  [[ -f $path ]] || return 0
  # Its own little configuration: what else is in the real one does not matter here.
  only_spool=$(mktemp)
  printf '[MQTT]\nmqtt_host = localhost\n[SPOOL]\npath = %s\n' "$path" >"$only_spool"
  chmod 0644 "$only_spool"
  answer=$(setpriv --reuid="$uid" --regid="$gid" --clear-groups \
    "$program/bin/dragonsink" spool list --config "$only_spool" 2>&1) && answer=
  rm -f "$only_spool"
  [[ -z $answer ]] || {
    if [[ $answer == *newer* ]]; then
      die "this is an older dragonsink ($version) than the one that wrote the spool: $answer" \
        'install that version, or a newer one; nothing in the spool was touched'
    fi
    note "the spool could not be looked into: $answer"
  }
}

swap_program() {
  if [[ -e $opt ]]; then mv -T "$opt" "$opt.old"; fi
  mv -T "$opt.new" "$opt"
  swapped=yes
  sync -f "$opt"
}

put_in_place() {
  [[ $program != "$opt" ]] || return 0
  local one
  for one in "${was_active[@]}"; do
    change "stop $one" systemctl stop "$one"
    [[ $dry_run == yes ]] || stopped+=("$one")
  done
  change "put dragonsink $version in place: $opt" swap_program
  program=$opt
  if [[ $dry_run == yes ]]; then program=$here; fi
}

# The new program does not start where the old one ran: the old one is better than none.
go_back() {
  stopped=()
  mv -T "$opt" "$opt.new"
  mv -T "$opt.old" "$opt"
  rm -rf "$opt.new"
  install -m 0644 "$opt/systemd/$service" "$units/$service"
  systemctl daemon-reload
  local one
  for one in "${was_active[@]}"; do systemctl restart "$one"; done
}

# --- user, configuration, services -------------------------------------------------------------------------------------

# Sets uid and gid, empty when there is no such user yet.
look_up_user() {
  uid=$(awk -F : -v name="$user" '$1 == name { print $3 }' "$prefix/etc/passwd" 2>/dev/null || true)
  gid=$(awk -F : -v name="$user" '$1 == name { print $4 }' "$prefix/etc/passwd" 2>/dev/null || true)
}

make_user() {
  local where=()
  [[ -z $prefix ]] || where=(--prefix "$prefix")
  [[ -z $uid ]] || return 0
  change "make the system user $user" useradd "${where[@]}" --system --user-group --home-dir /var/lib/dragonsink \
    --no-create-home --shell /usr/sbin/nologin --comment dragonsink "$user"
  look_up_user
}

make_folder() {
  local path=$1 mode=$2 owner=$3
  [[ -d $path && $(stat -c '%a:%u' "$path") == "$mode:$owner" ]] ||
    change "make $path ($mode)" install -d -m "$mode" -o "$owner" -g "${gid:-0}" "$path"
}

# The first configuration, as it will be: FILE, or the template with what is known of this machine.
draft_config() {
  draft=$(mktemp)
  trap 'rm -f "$draft"' EXIT
  if [[ -n $config_file ]]; then
    cat "$config_file" >"$draft"
    local wrong_with_it
    wrong_with_it=$(complaints "$draft")
    [[ -z $wrong_with_it ]] || die "$config_file can't be used:"$'\n'"$wrong_with_it" 'mend it, and run it again'
    return
  fi
  cat "$program/$template" >"$draft"
  local port
  if [[ $role == server ]]; then
    port=$(free_port 8095)
    ((port == 8095)) || fill_in '' HTTP_PORT "$port"
    return
  fi
  ((ds_port == 8088)) || fill_in DRAGONSYNC api_url "http://127.0.0.1:$ds_port"
  port=$(free_port 4290)
  ((port == 4290)) || fill_in KIT status_port "$port"
  take_over
}

fill_in() {
  set_key "$draft" "$@"
  filled+=("$2")
}

make_config() {
  if [[ ! -e $config ]]; then
    renewed=yes
    local one with=''
    for one in "${copies[@]}"; do
      change "copy $one to $etc (0640)" install -m 0640 -o 0 -g "${gid:-0}" "$one" "$etc/$(basename "$one")"
    done
    ((${#filled[@]} == 0)) || with=", with ${filled[*]}"
    change "write $config (0640), from ${config_file:-$template}$with" write_config
    return
  fi
  if [[ -n $config_file ]] && ! cmp -s "$config_file" "$config"; then
    put_beside "$config_file"
    note "$config is there already and stays; $config_file lies beside it as $(basename "$config").new: to take it, mv that over it"
  elif [[ -f $opt.old/$template ]] && ! cmp -s "$opt.old/$template" "$program/$template"; then
    put_beside "$program/$template"
    note "the template of $config has changed; the new one lies beside it as $(basename "$config").new"
  fi
}

# Beside, and put in place when it is whole: a cut must not leave half of it.
write_config() {
  install -m 0640 -o 0 -g "$gid" "$draft" "$config.part"
  sync "$config.part"
  mv -T "$config.part" "$config"
}

put_beside() {
  change "write $config.new" install -m 0640 -o 0 -g "$gid" "$1" "$config.new"
}

# What `dragonsink config check` says against a file; nothing when it is good.
complaints() {
  local answer
  if [[ $role == kit ]]; then
    answer=$("$program/bin/dragonsink" config check --config "$1" 2>&1) || say "$answer"
  else
    answer=$(env -i PATH="$PATH" "$program/bin/node" --env-file="$1" "$program/dist/main.js" config check --server 2>&1) || say "$answer"
  fi
}

# What runs is not stopped for a program that would not start with its configuration.
check_config() {
  [[ -f $config && -z $enrol_file && " ${was_active[*]} " == *" $service "* ]] || return 0
  local problems
  problems=$(complaints "$config")
  [[ -z $problems ]] || die "dragonsink $version would not start with $config:"$'\n'"$problems" \
    'mend it, and run it again; until then what runs goes on'
}

check_port() {
  [[ $role == server && -f $config ]] || return 0
  systemctl is-active --quiet "$service" 2>/dev/null && return 0
  local port
  port=$(sed -n 's/^HTTP_PORT=//p' "$config" | tail -n 1)
  port=${port:-8095}
  if is_taken "$port"; then
    die "port $port is taken by another program, and HTTP_PORT in $config names it" \
      "set HTTP_PORT to a free one, such as $(free_port "$port"), and run it again"
  fi
}

check_enrol_file() {
  [[ -n $enrol_file ]] || return 0
  local kit_id serial
  kit_id=$("$program/bin/node" -e '
    const { v, kit_id, broker } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
    if (v !== 1 || typeof broker?.host !== "string") throw new Error("not an enrolment");
    console.log(kit_id ?? "")' "$enrol_file" 2>/dev/null) ||
    die "$enrol_file is damaged, or no file of \`dragonsink enrol\`" 'copy it from the server again, and run it again'
  serial=$(cat "$prefix/var/lib/wardragon/kit-id" 2>/dev/null || true)
  [[ $role == server || -z $serial || $kit_id == "wardragon-$serial" ]] ||
    die "$enrol_file is for the kit $kit_id, and this is wardragon-$serial" \
      "on the server make one for this kit: dragonsink enrol wardragon-$serial"
  try_enrolment
}

# On a copy: what it refuses (another kit's id in the spool, a key that is not there) is refused before anything is changed.
try_enrolment() {
  local folder answer name todo='see the message above, and run it again'
  folder=$(mktemp -d)
  for name in config.ini server.env kit.key server.key; do
    if [[ -f $etc/$name ]]; then cp -p "$etc/$name" "$folder"; fi
  done
  if [[ -n $draft ]]; then cp "$draft" "$folder/$(basename "$config")"; fi
  # What it names lies where the image does.
  if [[ -n $prefix && -f $folder/$(basename "$config") ]]; then
    sed -i "s#= */\(etc\|var\)/#= $prefix/\1/#" "$folder/$(basename "$config")"
  fi
  answer=$("$program/bin/dragonsink" enrol --apply "$enrol_file" --config-dir "$folder" 2>&1) && answer=
  rm -rf "$folder"
  [[ -n $answer ]] || return 0
  if [[ $answer == *$'\n'"what to do: "* ]]; then todo=${answer##*what to do: }; fi
  die "$enrol_file can't be used: ${answer%%$'\n'what to do: *}" "$todo"
}

enrol() {
  [[ -n $enrol_file ]] || return 0
  renewed=yes
  change "enrol this $role with $enrol_file" apply_enrolment
  note "$enrol_file is in place, and holds a secret: remove it, here and wherever else it lies"
}

apply_enrolment() {
  "$program/bin/dragonsink" enrol --apply "$enrol_file" --config-dir "$etc" >/dev/null
  # It has written where the files lie now, not where they will be.
  [[ -z $prefix ]] || sed -i "s|$prefix/etc/|/etc/|" "$config"
}

make_link() {
  [[ $(readlink "$command" 2>/dev/null) == /opt/dragonsink/bin/dragonsink ]] || {
    mkdir_for "$command"
    change "put dragonsink on the PATH: $command" ln -sfn /opt/dragonsink/bin/dragonsink "$command"
  }
  local text
  text=$("$program/bin/dragonsink" completion bash 2>/dev/null) || return 0
  [[ -f $completion && $text == "$(<"$completion")" ]] || {
    mkdir_for "$completion"
    change "write the shell completion: $completion" write_completion "$text"
  }
}

write_completion() { say "$1" >"$completion"; }

mkdir_for() {
  local folder
  folder=$(dirname "$1")
  [[ -d $folder ]] || change "make $folder" mkdir -p "$folder"
}

has_backoff() {
  local found_version
  [[ -z $prefix ]] || return 1
  found_version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  ((${found_version:-0} >= 254))
}

# Of the role that is installed now, and of the other one where it was before: both run the same program.
make_units() {
  local one
  for one in dragonsink-kit.service dragonsink-server.service; do
    if [[ $one == "$service" || -e $units/$one ]]; then make_unit "$one"; fi
  done
  if [[ $role == server || -e $units/$timer ]]; then make_timer; fi
}

# Where a fleet is kept its certificates are signed anew in time; where none is, it finds nothing to do.
make_timer() {
  local one wanted=$units/timers.target.wants/$timer
  for one in "${timer%.timer}.service" "$timer"; do
    cmp -s "$program/systemd/$one" "$units/$one" ||
      change "write $units/$one" install -m 0644 "$program/systemd/$one" "$units/$one"
  done
  if [[ ! -L $wanted ]]; then
    mkdir_for "$wanted"
    change "start $timer at every boot" ln -sfn "/etc/systemd/system/$timer" "$wanted"
  fi
}

make_unit() {
  local service=$1
  if ! cmp -s "$program/systemd/$service" "$units/$service"; then
    renewed=yes
    mkdir_for "$units/$service"
    change "write $units/$service" install -m 0644 "$program/systemd/$service" "$units/$service"
  fi
  if has_backoff && ! cmp -s "$program/systemd/backoff.conf" "$units/$service.d/backoff.conf"; then
    change "write $units/$service.d/backoff.conf" install -D -m 0644 "$program/systemd/backoff.conf" "$units/$service.d/backoff.conf"
  fi
  local wanted=$units/multi-user.target.wants/$service
  if [[ ! -L $wanted ]]; then
    mkdir_for "$wanted"
    change "start $service at every boot" ln -sfn "/etc/systemd/system/$service" "$wanted"
  fi
}

start() {
  if [[ -n $prefix ]]; then
    note "nothing was started: $prefix is not the running system"
    local file=$config
    [[ -e $config ]] || file=$draft
    [[ $role == server || -n $(ini_value "$file" MQTT mqtt_host) ]] ||
      note "before it can start, mqtt_host in [MQTT] of $config has to name the broker"
    return
  fi
  local problems='' one
  if [[ -e $config ]]; then problems=$(complaints "$config"); else problems=$(complaints "$draft"); fi
  if [[ -n $problems ]]; then
    note "$service can't start before its configuration is complete:"$'\n'"$problems"
    is_ready=no
  fi
  change 'tell systemd' systemctl daemon-reload
  if [[ $is_ready == yes ]] && { [[ $renewed == yes ]] || ! systemctl is-active --quiet "$service"; }; then
    change "start $service" start_service "$service"
  fi
  if [[ -e $units/$timer || $role == server ]] && ! systemctl is-active --quiet "$timer"; then
    change "start $timer" systemctl start "$timer"
  fi
  for one in "${was_active[@]}"; do
    [[ $one == "$service" || $swapped == no ]] || change "start $one" start_service "$one"
  done
  stopped=()
}

start_service() {
  systemctl restart "$1" 2>/dev/null && return 0
  local log
  log=$(journalctl --unit "$1" --lines 15 --no-pager --output cat 2>/dev/null || true)
  if [[ $swapped == yes && -e $opt.old && ${#was_active[@]} -gt 0 ]]; then
    go_back
    made=()
    die "$1 does not start with dragonsink $version; the one of before is back and runs. Its last words:"$'\n'"$log" \
      'keep what runs, and report those words'
  fi
  die "$1 does not start. Its last words:"$'\n'"$log" \
    "mend what they say (the configuration: $config), then: sudo systemctl restart $1"
}

say_notes() {
  ((${#notes[@]} > 0)) || return 0
  say 'To know:'
  printf '  - %s\n' "${notes[@]}"
}

finish() {
  if [[ $dry_run == yes ]]; then
    say_notes
    say 'nothing was changed'
    return
  fi
  rm -rf "$opt.old"
  local host
  say ''
  if [[ -z $prefix && $is_ready == yes ]]; then
    say "dragonsink $version runs as $service."
  else
    say "dragonsink $version is installed."
  fi
  if [[ $role == kit ]]; then
    host=$(ini_value "$config" MQTT mqtt_host)
    say "It reads DragonSync, spools to /var/lib/dragonsink/spool.db, and sends to ${host:-a broker that is not named yet}."
  else
    say "It serves /healthz and /metrics on 127.0.0.1, and keeps its data where DATABASE_URL in $config says."
  fi
  say_notes
  say "What to do next${prefix:+, once it runs}:"
  if [[ $is_ready == no ]]; then
    next_step "sudoedit $config" 'what is listed above'
    next_step "sudo systemctl start $service" 'then it runs, and at every boot'
  fi
  if [[ $role == kit ]]; then
    next_step 'sudo dragonsink doctor' 'whether all of it works'
    next_step 'sudo dragonsink status' 'what waits, what was sent'
  else
    next_step 'sudo dragonsink doctor --server' 'whether all of it works'
    next_step 'sudo dragonsink enrol --help' 'who may use the broker (README.md, "The broker")'
    next_step 'sudo dragonsink ledger' 'what has come, of which kit'
  fi
  next_step "journalctl -u ${service%.service} -f" 'what it says'
}

next_step() { printf '  %-41s # %s\n' "$1" "$2"; }

install_all() {
  check_machine
  check_bundle
  check_files
  check_space
  look_up_user
  is_ready=yes
  [[ $role == server ]] || find_dragonsync
  check_port
  local one
  if [[ -z $prefix ]]; then
    for one in dragonsink-kit.service dragonsink-server.service; do
      if systemctl is-active --quiet "$one"; then was_active+=("$one"); fi
    done
  fi
  mend
  stage
  [[ -e $config ]] || draft_config
  check_config
  check_enrol_file
  check_spool
  make_user
  # Others may pass: mosquitto reads the fleet below it.
  make_folder "$etc" 751 0
  make_folder "$state" 750 "${uid:-0}"
  put_in_place
  make_config
  enrol
  make_link
  make_units
  start
  finish
}

# --- removal -----------------------------------------------------------------------------------------------------------

remove() {
  [[ ! -e $1 && ! -L $1 ]] || change "remove $1" rm -rf "$1"
}

uninstall_all() {
  check_machine
  local one
  for one in dragonsink-kit.service dragonsink-server.service "$timer" "${timer%.timer}.service"; do
    [[ -e $units/$one ]] || continue
    if [[ -z $prefix ]] && systemctl is-active --quiet "$one"; then change "stop $one" systemctl stop "$one"; fi
    remove "$units/multi-user.target.wants/$one"
    remove "$units/timers.target.wants/$one"
    remove "$units/$one.d/backoff.conf"
    remove "$units/$one"
  done
  if [[ -z $prefix ]] && ((${#made[@]} > 0)); then change 'tell systemd' systemctl daemon-reload; fi
  if [[ $(readlink "$command" 2>/dev/null) == /opt/dragonsink/bin/dragonsink ]]; then remove "$command"; fi
  remove "$completion"
  remove "$prefix/var/lib/systemd/timers/stamp-$timer"
  for one in "$opt" "$opt.new" "$opt.old"; do remove "$one"; done
  if [[ $purge == yes ]]; then
    if [[ -e $etc/fleet/ca.key ]]; then
      say "$etc/fleet holds the key of a fleet: without it no kit of that fleet can be enrolled or shut out any more"
    fi
    for one in "$state" "$etc" "$units"/dragonsink-{kit,server,renew}.service.d; do remove "$one"; done
    look_up_user
    if [[ -n $uid ]]; then
      local where=()
      [[ -z $prefix ]] || where=(--prefix "$prefix")
      change "remove the user $user" userdel "${where[@]}" "$user"
    fi
  fi
  if [[ $dry_run == yes ]]; then
    say 'nothing was changed'
  elif ((${#made[@]} == 0)); then
    say 'dragonsink is not installed: there was nothing to remove'
  fi
  for one in "$etc" "$state"; do
    if [[ $purge == no && -e $one ]]; then say "kept: $one ($(du -sh "$one" | cut -f1)); --uninstall --purge removes it"; fi
  done
}

# Read whole before anything runs: --uninstall removes this file.
main() {
  parse "$@"
  trap 'unexpected "$LINENO" "$BASH_COMMAND"' ERR
  trap 'die "it was interrupted" "run it again, and it goes on: $invoked"' INT TERM
  if [[ $action == uninstall ]]; then uninstall_all; else install_all; fi
}

{
  main "$@"
  exit
}

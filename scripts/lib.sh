# Common to the scripts; read by them (in the repository's folder), not run. Works with bash 3.2, which macOS has, and with BSD tools.
# Sets home to ORCHESTRATOR_HOME or its default, absolute: a relative one is meant from where the script was called.
# shellcheck shell=bash
home=${ORCHESTRATOR_HOME:-~/.orchestrator}
case $home in
  /*) ;;
  \~ | \~/*) home=$HOME${home#\~} ;;
  *) home=${OLDPWD:-$PWD}/$home ;;
esac
[ -z "${ORCHESTRATOR_HOME:-}" ] || export ORCHESTRATOR_HOME="$home"
service_file=$home/service.json
secret_file=$home/dispatch-secret
settings_file=$home/orchestrator.json

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# The value of one member of a flat JSON file that stands in one line, without its quotes; nothing when there is none.
json_member() { sed -n '/"'"$2"'":/{s/.*"'"$2"'":"\{0,1\}\([^",}]*\).*/\1/p;q;}' "$1" 2>/dev/null || true; }

# The command line of a process, arguments separated by spaces; nothing when it is gone. Fails where nobody can say (Debian without procps still has /proc).
command_of() {
  if [ -d /proc/self ]; then
    { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null || true
  elif command -v ps >/dev/null; then
    ps -ww -o args= -p "$1" 2>/dev/null || true
  else
    return 1
  fi
}

# Whether the process is a service. It may be somebody else, whom the system gave the pid of one that was killed.
is_service() {
  local line
  kill -0 "$1" 2>/dev/null || return 1
  if ! line=$(command_of "$1"); then
    say "There is neither ps nor /proc to ask what process $1 is: it is not taken for the service."
    return 1
  fi
  case "/${line% } " in
    */Orchestrator.Silo\ * | *[\ /]Orchestrator.Silo.dll\ *) return 0 ;;
    *) return 1 ;;
  esac
}

# The pid of the service that runs on this home; fails when none does.
service_pid() {
  local pid
  pid=$(json_member "$service_file" pid)
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  is_service "$pid" || return 1
  printf '%s' "$pid"
}

# Installs a Debian or Homebrew package when its command is missing and that can be done without asking. Fails when the command is still missing then.
try_install() {
  local command=$1 package=$2 sudo=""
  command -v "$command" >/dev/null && return 0
  [ "$(id -u)" = 0 ] || sudo="sudo -n"
  if command -v apt-get >/dev/null && { [ -z "$sudo" ] || $sudo true 2>/dev/null; }; then
    say "Installing $package with apt-get …"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$package" >&2 2>/dev/null \
      || { $sudo apt-get update -q >&2 && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$package" >&2; } || true
  elif command -v brew >/dev/null; then
    say "Installing $package with brew …"
    brew install "$package" >&2 || true
  fi
  command -v "$command" >/dev/null
}

# The same for what there is no going on without.
need() {
  local command=$1 package=$2
  try_install "$command" "$package" \
    || die "'$command' is missing and could not be installed. Install it (Debian: sudo apt-get install $package; macOS: brew install $package), then start again."
}

# The .NET 10 SDK. Programs that are started by their own launcher look for .NET in DOTNET_ROOT and in the system's folders, never by PATH: an SDK that Homebrew or
# dotnet-install.sh put elsewhere has to be named. The service hands the name on to what it starts.
need_dotnet() {
  local sdks folder
  command -v dotnet >/dev/null || die "The .NET 10 SDK is missing: see https://dotnet.microsoft.com/download (macOS: brew install dotnet)."
  sdks=$(dotnet --list-sdks) || die "'dotnet --list-sdks' failed: see https://dotnet.microsoft.com/download."
  folder=$(sed -n 's/^10\.[^[]*\[\(.*\)\]$/\1/p' <<<"$sdks" | tail -n 1)
  [ -n "$folder" ] || die "The .NET 10 SDK is missing; there is only: ${sdks//$'\n'/, }. See https://dotnet.microsoft.com/download."
  [ -n "${DOTNET_ROOT:-}" ] || export DOTNET_ROOT="${folder%/sdk}"
}

# The first dispatch secret that stands in orchestrator.json; nothing when there is none. Comments are left out by line.
configured_secret() {
  [ -r "$settings_file" ] || return 0
  sed 's,^[[:space:]]*//.*,,' "$settings_file" | tr '\n' ' ' \
    | sed -n 's/.*"[Dd][Ii][Ss][Pp][Aa][Tt][Cc][Hh]_[Ss][Ee][Cc][Rr][Ee][Tt]"[[:space:]]*:[[:space:]]*\[\{0,1\}[[:space:]]*"\([^",]\{1,\}\).*/\1/p'
}

# A secret that only this user can read, made once.
ensure_secret() {
  mkdir -p "$home"
  chmod 700 "$home"
  [ -s "$secret_file" ] && return 0
  (umask 077 && head -c 32 /dev/urandom | od -v -An -tx1 | tr -d ' \n' >"$secret_file")
  say "Made a dispatch secret: $secret_file (only you can read it; the dispatcher needs the same one)."
}

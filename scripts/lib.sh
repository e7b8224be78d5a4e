# Common to the scripts; read by them, not run. Sets home to ORCHESTRATOR_HOME or its default.
home=${ORCHESTRATOR_HOME:-$HOME/.orchestrator}
service_file=$home/service.json
secret_file=$home/dispatch-secret

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# The value of one member of a flat JSON file, without its quotes.
json_member() { sed -n 's/.*"'"$2"'":"\{0,1\}\([^",}]*\).*/\1/p' "$1" 2>/dev/null | head -n 1; }

# The pid of the service that runs on this home; fails when none does. The file may be left over from a killed one whose pid somebody else has now.
service_pid() {
  local pid
  pid=$(json_member "$service_file" pid)
  [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || return 1
  if command -v ps >/dev/null && [[ $(ps -o args= -p "$pid" 2>/dev/null) != *Orchestrator.Silo* ]]; then return 1; fi
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
  try_install "$command" "$package" || die "'$command' is missing. Install it (Debian: sudo apt-get install $package; macOS: brew install $package), then start again."
}

need_dotnet() {
  command -v dotnet >/dev/null || die "The .NET 10 SDK is missing: see https://dotnet.microsoft.com/download (macOS: brew install dotnet)."
  dotnet --list-sdks | grep -q '^10\.' || die "The .NET 10 SDK is missing; there is only: $(dotnet --list-sdks | tr '\n' ' '). See https://dotnet.microsoft.com/download."
}

# A secret that only this user can read, made once.
ensure_secret() {
  mkdir -p "$home"
  chmod 700 "$home"
  [ -s "$secret_file" ] && return 0
  (umask 077 && head -c 32 /dev/urandom | od -v -An -tx1 | tr -d ' \n' >"$secret_file")
  say "Made a dispatch secret: $secret_file (only you can read it; the dispatcher needs the same one)."
}

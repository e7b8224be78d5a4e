#!/usr/bin/env bash
# The demo agent: what "workerType": "script" runs unless SCRIPT_AGENT names another program. It does to a prompt what a coding agent does, without a
# model: says what it is at, writes a file in the worktree, commits it, and reports its result. Needs bash and git only.
#
# Prompt on standard input, the worktree as working directory. A line "demo-pause: N" in the prompt sets the pause between its steps, in seconds (default 1,
# at most 60). The prompt is data: it is never run and never used as anything but text.
set -euo pipefail
export LC_ALL=C

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
prompt=$folder/prompt
cat >"$prompt"

first_line=$(head -c 200 "$prompt" | head -n 1 | tr -cd '[:print:]')
# A name of letters, digits and "-" only: nothing in it can leave the folder or be taken for an option.
slug=$(printf '%s' "$first_line" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9' '-' | head -c 48)
slug=${slug#-}
slug=${slug%-}
slug=${slug:-task}
pause=$(sed -n '/^demo-pause: [0-9][0-9]\{0,1\}[[:space:]]*$/{s/[^0-9]//gp;q;}' "$prompt")
pause=$((10#${pause:-1}))
if [ "$pause" -gt 60 ]; then pause=60; fi

step() {
  printf '[%s/4] %s\n' "$1" "$2"
  sleep "$pause"
}

step 1 "Reading the prompt: $(wc -c <"$prompt" | tr -d ' ') bytes"
step 2 "Looking around: $(git ls-files | wc -l | tr -d ' ') files on ${TASK_BRANCH:-$(git rev-parse --abbrev-ref HEAD)}"

file=demo/$slug.md
if [ -L demo ] || { [ -e demo ] && [ ! -d demo ]; } || [ -L "$file" ] || [ -d "$file" ]; then
  echo "demo or $file is there already, and is not what a file of this agent could be." >&2
  exit 1
fi
step 3 "Writing $file"
mkdir -p demo
{
  printf '# %s\n\n' "${first_line:-A task without a first line}"
  printf 'Written by the demo agent for task %s. The whole prompt:\n\n' "${TASK_ID:-(none)}"
  # Indented, so that it stays text whatever it holds.
  sed 's/^/    /' "$prompt"
  printf '\n'
} >"$file"

step 4 "Committing"
git add --force -- "$file"
if git diff --cached --quiet -- "$file"; then
  outcome="$file was there already, as it should be"
else
  # A machine without a git identity gets one for this commit.
  git config user.email >/dev/null || export GIT_AUTHOR_EMAIL=demo-agent@localhost GIT_COMMITTER_EMAIL=demo-agent@localhost
  git config user.name >/dev/null || export GIT_AUTHOR_NAME="Demo agent" GIT_COMMITTER_NAME="Demo agent"
  printf 'Add %s\n\nAsked for by: %s\n' "$file" "${first_line:-(nothing)}" >"$folder/message"
  git -c commit.gpgsign=false commit --quiet --cleanup=whitespace --file="$folder/message" -- "$file"
  outcome="Wrote $file and committed it as $(git rev-parse --short HEAD)"
fi

cat <<REPORT

$outcome.

\`\`\`json
{"execution_outcome_label": "implemented", "execution_summary": "$outcome"}
\`\`\`
REPORT

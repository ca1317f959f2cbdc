#!/usr/bin/env bash
# Tests a checkpoint on a Slurm cluster.
#
#   bash tools/slurm_test.sh PARTITION JOB CONFIG CHECKPOINT \
#       [options of tools/test.py]
#
# GPUS (default 4) in all, GPUS_PER_NODE (4), CPUS_PER_TASK (5) for each
# process, SRUN_ARGS for anything else that srun takes.
set -euo pipefail
if (($# < 4)); then
    echo "usage: $0 PARTITION JOB CONFIG CHECKPOINT" \
        "[options of tools/test.py]" >&2
    exit 2
fi
PARTITION=$1
JOB=$2
CONFIG=$3
CHECKPOINT=$4
GPUS="${GPUS:-4}"
GPUS_PER_NODE="${GPUS_PER_NODE:-$((GPUS < 4 ? GPUS : 4))}"
TOOLS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
read -r -a SRUN_OPTIONS <<<"${SRUN_ARGS:-}"

export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}"
exec srun -p "$PARTITION" \
    --job-name="$JOB" \
    --gres="gpu:$GPUS_PER_NODE" \
    --ntasks="$GPUS" \
    --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_OPTIONS[@]+"${SRUN_OPTIONS[@]}"} \
    "${PYTHON:-python}" -u "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" \
    --launcher slurm "${@:5}"

#!/usr/bin/env bash
# From nothing to a trained model: makes the environment, draws toy
# pedestrians, trains DomainMix on labelled synthetic plus unlabelled "real"
# ones and tests it on a domain it has never seen.
#
#   bash tools/quickstart.sh [--fast]
#
#   --fast   train for 40 iterations only: shows that everything runs
set -euo pipefail

CONFIG=configs/domainmix/r18_x0_25_toysyn_toyreal.py
WORK_DIR=work_dirs/quickstart
TRAIN_OPTIONS=()
case "${1:-}" in
'') ;;
--fast) # the second epoch has pseudo labels and the discriminator
    TRAIN_OPTIONS=(train_cfg.max_epochs=2
        train_dataloader.batch_sampler.iters_per_epoch=20
        default_hooks.pseudo_labels.begin=1
        default_hooks.phases.phases.1.begin=1)
    ;;
*)
    echo "ERROR: unknown option '$1'; usage: bash tools/quickstart.sh" \
        "[--fast]" >&2
    exit 2
    ;;
esac

source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"

# use all cores, without the spinning that ruins a shared machine
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"

PROCESSES=1
if [[ $(nproc) -gt 1 ]] && ! "$PY" -c \
    'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    PROCESSES=2
fi

# toy_data STYLE OPTION...: draw data/toy/STYLE, unless it is there already.
toy_data() {
    "$PY" tools/dataset_converters/make_toy_data.py "data/toy/$1" --style "$@" ||
        fail "data/toy/$1 cannot be drawn (see above); if it holds nothing" \
            'you need, delete it and run this again'
}

# shown LOG COMMAND...: run a command, keep all it prints in LOG and show what
# a person wants to see; on failure also the end of the log.
shown() {
    local log="$1" status
    shift
    set +e
    "$@" 2>&1 | tee "$log" | grep --line-buffered -E \
        'Epoch\((train|val)\)|Pseudo labels of|^domain|^toy-[^:]*$'
    status=${PIPESTATUS[0]}
    set -e
    if [[ $status -ne 0 ]]; then
        tail -n 40 "$log"
        fail "the command failed (above): $*; its whole output: $log"
    fi
}

say 'drawing toy data'
# the data of the toy table in docs/en/methods/domainmix.md
toy_data synthetic --layout personx-visda --ids 200 --test-ids 10 --seed 1
toy_data real_a --layout market1501 --ids 150 --test-ids 10 --seed 1
toy_data unseen --layout market1501 --ids 10 --test-ids 60 --seed 1

if [[ -e $WORK_DIR ]]; then
    say "replacing the earlier results in $WORK_DIR"
    rm -rf "$WORK_DIR"
fi
mkdir -p "$WORK_DIR"

say 'testing the untrained model on the unseen toy domain'
shown "$WORK_DIR/before.log" "$PY" tools/test.py "$CONFIG" none --work-dir "$WORK_DIR/test" \
    --out "$WORK_DIR/before.json"

say "training in $PROCESSES process(es): $CONFIG ${TRAIN_OPTIONS[*]}"
start=$SECONDS
if [[ $PROCESSES -gt 1 ]]; then
    # half of the batch each: small layers gain more from two processes of
    # one thread than from one process of two
    OMP_NUM_THREADS=1 PYTHON="$PY" PORT=$((20000 + RANDOM % 9000)) shown \
        "$WORK_DIR/train.log" bash tools/dist_train.sh "$CONFIG" 2 \
        --work-dir "$WORK_DIR" \
        --cfg-options train_dataloader.batch_size=32 "${TRAIN_OPTIONS[@]}"
else
    shown "$WORK_DIR/train.log" "$PY" tools/train.py "$CONFIG" \
        --work-dir "$WORK_DIR" \
        --cfg-options train_dataloader.batch_size=64 "${TRAIN_OPTIONS[@]}"
fi
say "trained in $((SECONDS - start)) s"
checkpoint="$(<"$WORK_DIR/last_checkpoint")"

say 'testing the trained model on the unseen toy domain'
shown "$WORK_DIR/after.log" "$PY" tools/test.py "$CONFIG" "$checkpoint" --work-dir "$WORK_DIR/test" \
    --out "$WORK_DIR/after.json" --show-dir "$WORK_DIR/rank_lists"

say 'before and after training, on the unseen toy domain'
"$PY" tools/analysis_tools/compare_results.py \
    "$WORK_DIR/before.json" "$WORK_DIR/after.json"
cat <<END
checkpoint:          ${checkpoint#"$ROOT"/}
logs and curves:     $WORK_DIR/<time>/
rank-list pictures:  $WORK_DIR/rank_lists/
END

#!/bin/bash
# One study on several Slurm nodes: Ray's head and a Ray node on each, and thinkcurve as the driver on the first.
#   sbatch docs/examples/slurm.sh
# Two minutes before its time is over, or when it is preempted, the job stops the driver and queues itself again; it goes
# on where it stopped. Change what stands under STUDY, and the resources here.
#SBATCH --job-name=thinkcurve
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

# STUDY: eight replicas a node of a model that fits one GPU. RUN lies on a file system that all nodes share.
RUN=${RUN:-$HOME/runs/aime}
STUDY=(-m vllm:Qwen/Qwen3-8B -t aime25 --samples 16 --budgets 0,1024,4096,16384)
WORKERS=(--gpus-per-worker 1 --cpus-per-worker 2)

# Who knows the token may run code in this cluster; without one everybody on the network may.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
address=$(srun --nodes=1 --ntasks=1 -w "${nodes[0]}" hostname --ip-address | awk '{print $1}')
port=$((20000 + SLURM_JOB_ID % 20000))
limits=(--num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_ON_NODE:-0}")

srun --nodes=1 --ntasks=1 --overlap -w "${nodes[0]}" \
    ray start --block --head --node-ip-address="$address" --port="$port" --include-dashboard=false "${limits[@]}" &
until ray health-check --address "$address:$port" > /dev/null 2>&1; do sleep 2; done
for node in "${nodes[@]:1}"; do
    srun --nodes=1 --ntasks=1 --overlap -w "$node" \
        ray start --block --address="$address:$port" "${limits[@]}" &
done

# A node that is late, or lost and back, is used as soon as it is there: nobody waits for all of them.
thinkcurve run "${STUDY[@]}" -o "$RUN" --cluster "$address:$port" "${WORKERS[@]}" &
driver=$!

end_nodes() {
    trap - TERM
    kill $(jobs -p) 2> /dev/null || true
    wait || true
}
trap 'kill -TERM "$driver"; wait "$driver" || true; end_nodes; scontrol requeue "$SLURM_JOB_ID"; exit 0' TERM
rc=0
wait "$driver" || rc=$?
end_nodes
exit "$rc"

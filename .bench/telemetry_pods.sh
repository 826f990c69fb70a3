# On a throwaway machine with cards, as root: a computing process in the cgroup of a pod, as K3s makes it, and its log's link.
set -e
pod=0356c095-0c98-40da-9789-dbeb07b5a687
id=dfaf29a1398d58ff95540089092381c05547958661b1c23009f0ebeb5cd84132
group=/sys/fs/cgroup/kubepods/besteffort/pod$pod/$id
mkdir -p "$group" /var/log/containers
: >"/var/log/containers/trainer_ml_main-$id.log"
python3 -c 'import time,torch; a=torch.randn(8192,8192,device="cuda",dtype=torch.bfloat16); e=time.time()+14
while time.time()<e: a@a; torch.cuda.synchronize()' &
echo $! >"$group/cgroup.procs"
sleep 8
python3 -m gpu_wizard gpu --count 2
python3 -m gpu_wizard gpu --count 1 --json
python3 - <<'END'
import asyncio
from gpu_wizard.facts.exposure import CONTAINER_PIDS, devices_question, seen_cards
from gpu_wizard.host.local import local_reader


async def look():
    reader = local_reader()
    pids = CONTAINER_PIDS.read((await reader.ask([CONTAINER_PIDS.ask]))[0])
    print(pids, seen_cards(pids.value, (await reader.ask([devices_question(pids.value)]))[0]))


asyncio.run(look())
END
wait

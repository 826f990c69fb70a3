grep -Ec "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" /proc/sys/kernel/random/boot_id; [ "$(cat /proc/sys/kernel/random/boot_id)" = "$(cat /proc/sys/kernel/random/boot_id)" ] && echo stable

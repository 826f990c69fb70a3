for o in -eq -ne -lt -le -gt -ge; do [ 2 $o 10 ]; echo "$o $?"; done

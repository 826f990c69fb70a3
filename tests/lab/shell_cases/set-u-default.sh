set -u; echo ${x:-ok}

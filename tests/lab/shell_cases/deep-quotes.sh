sh -c 'sh -c "echo \"a  b\" '"'"'c  d'"'"'"'

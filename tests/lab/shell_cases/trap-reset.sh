trap "echo x" EXIT; trap - EXIT; echo only

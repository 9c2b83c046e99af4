# Read by interactive shells.
PS1="$PROMPT:\w# "
alias ll='ls -l'

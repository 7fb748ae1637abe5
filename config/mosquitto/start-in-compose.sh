#!/bin/sh
# Starts the broker of compose.yaml, with the name and the password that the environment gives it.
set -eu
here=$(dirname "$0")
passwords=/run/mosquitto/passwords
: "${MQTT_USERNAME:?is not set; .env.example says how to make .env}"
: "${MQTT_PASSWORD:?is not set; .env.example says how to make .env}"
umask 077
mosquitto_passwd -c -b "$passwords" "$MQTT_USERNAME" "$MQTT_PASSWORD"
unset MQTT_PASSWORD
sh "$here/check-persistence.sh" /mosquitto/data
exec mosquitto -c "$here/compose.conf"

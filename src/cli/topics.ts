// The server's topics, as its settings name them.
import type { TopicNames } from '../schema/topics.js';
import type { ServerSettings } from '../settings/server-settings.js';

export function topicsOf(settings: ServerSettings): TopicNames {
  return {
    drones: settings.MQTT_TOPIC_DRONES,
    perDroneBase: settings.MQTT_TOPIC_DRONE_PREFIX,
    aircraft: settings.MQTT_TOPIC_AIRCRAFT,
    signals: settings.MQTT_TOPIC_SIGNALS,
    systemBase: settings.MQTT_TOPIC_SYSTEM,
  };
}

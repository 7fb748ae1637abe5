// One of the page's views, made when it is looked at for the first time and kept from then on.

export interface View {
  readonly element: HTMLElement;
  /** It is looked at (again); `query` is what the address says behind its name. */
  shown?(query: URLSearchParams): void;
  hidden?(): void;
  /** Once a second, while it is looked at. */
  tick?(): void;
}

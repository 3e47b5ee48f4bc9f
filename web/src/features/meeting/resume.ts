/** The seat's secret, kept for this tab only: after a reload or a broken line the same seat is taken again. */
const key = (roomKey: string): string => `fengsui.seat.${roomKey}`

export const savedResume = (roomKey: string): string | undefined => sessionStorage.getItem(key(roomKey)) ?? undefined

export const saveResume = (roomKey: string, secret: string): void => sessionStorage.setItem(key(roomKey), secret)

export const forgetResume = (roomKey: string): void => sessionStorage.removeItem(key(roomKey))
